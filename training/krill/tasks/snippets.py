"""Small pieces of code for fill-in-the-middle. What stands between « and » follows from the rest: it has one right answer.

Slots: ~a~ ~b~ ~c~ are variables, ~x~ that of a loop, ~f~ ~g~ functions, ~K~ a class, ~m~ ~n~ numbers, ~u~ ~v~ ~w~ words; ~Ca~
is ~a~ with a capital letter, ~Aa~ in capitals; ~op~ is an operator and ~does~ says what it does to ~a~ and ~b~.
"""

from words import Forms

# What ~op~ does, in words, for comments.
OPERATIONS: dict[str, Forms] = {
    "+": Forms(
        ("adds {a} and {b}", "the sum of {a} and {b}", "{a} plus {b}", "adds {b} to {a}", "sum of {a} and {b}"),
        ("gives the sum of {a} and {b}", "{a} and {b} added"),
    ),
    "-": Forms(
        ("subtracts {b} from {a}", "{a} minus {b}", "takes {b} from {a}", "{a} less {b}"),
        ("gives {a} minus {b}", "removes {b} from {a}"),
    ),
    "*": Forms(
        ("multiplies {a} by {b}", "the product of {a} and {b}", "{a} times {b}", "product of {a} and {b}"),
        ("gives {a} times {b}", "{a} multiplied by {b}"),
    ),
    "/": Forms(
        ("divides {a} by {b}", "{a} divided by {b}", "{a} over {b}", "splits {a} by {b}"),
        ("gives {a} divided by {b}", "divides {a} through {b}"),
    ),
}

SNIPPETS: dict[str, tuple[str, ...]] = {
    "python": (
        """# ~does~
def ~f~(~a~, ~b~):
    «return ~a~ ~op~ ~b~»
""",
        '''def ~f~(~a~, ~b~):
    """~does~"""
    return «~a~ ~op~ ~b~»
''',
        """def ~f~(~a~, ~b~):
    ~c~ = «~a~ ~op~ ~b~»  # ~does~
    «return ~c~»
""",
        """class ~K~:
    def __init__(self, ~a~, ~b~, ~c~):
        self.~a~ = ~a~
        «self.~b~ = ~b~»
        «self.~c~ = ~c~»
""",
        """class ~K~:
    def __init__(self, ~a~, ~b~):
        self.~a~ = ~a~
        self.~b~ = «~b~»

    def get_~a~(self):
        return self.~a~

    def get_~b~(self):
        «return self.~b~»
""",
        """class ~K~:
    def __init__(self, ~a~):
        self.~a~ = «~a~»

    def set_~a~(self, value):
        «self.~a~ = value»

    def get_~a~(self):
        «return self.~a~»
""",
        """def ~f~(~a~):
    ~c~ = 0
    for ~x~ in ~a~:
        ~c~ += «~x~»
    «return ~c~»
""",
        """def ~f~(~a~):
    ~c~ = []
    for ~x~ in «~a~»:
        if ~x~ > ~n~:
            ~c~.append(«~x~»)
    «return ~c~»
""",
        """def ~f~(~a~):
    ~c~ = 0
    for ~x~ in ~a~:
        if ~x~ == "~w~":
            «~c~ += 1»
    return «~c~»  # how many are ~w~
""",
        """~a~ = ~n~
~b~ = ~m~
~c~ = "~w~"
print(~a~)
print(«~b~»)
«print(~c~)»
""",
        """def ~f~(~a~, ~b~, ~c~):
    print(~a~, ~b~, ~c~)


def ~g~(~a~, ~b~, ~c~):
    ~f~(«~a~, ~b~, ~c~»)
""",
        """def ~f~(~a~, ~b~):
    if ~a~ is None:
        raise ValueError("~a~ is missing")
    if «~b~ is None»:
        «raise ValueError("~b~ is missing")»
    return ~a~ ~op~ ~b~
""",
        """def start_~a~():
    print("start ~a~")


def stop_~a~():
    «print("stop ~a~")»
""",
        """def ~f~(~a~, ~b~):
    # the larger one
    if ~a~ > ~b~:
        return ~a~
    «return ~b~»
""",
        """def ~f~(~a~, ~b~):
    # the smaller one
    if ~a~ < ~b~:
        return «~a~»
    else:
        return «~b~»
""",
        """~c~ = ~a~
~a~ = ~b~
«~b~ = ~c~»  # ~a~ and ~b~ are swapped
""",
        """def ~f~(~a~):
    try:
        return int(~a~)
    except ValueError as ~x~:
        print(«~x~»)
        return 0
""",
        """with open("~w~.txt") as ~x~:
    for ~a~ in «~x~»:
        print(«~a~»)
""",
        """~a~ = [~n~, ~m~]
~b~ = [~x~ * 2 for ~x~ in «~a~»]
print(«~b~»)
""",
        """~b~ = {~x~: len(~x~) for «~x~» in ~a~}
for ~c~ in ~b~:
    print(~c~, ~b~[«~c~»])
""",
        """def main():
    print("~w~")


if __name__ == "__main__":
    «main()»
""",
        """~c~ = 0
while ~c~ < ~n~:
    print(~c~)
    «~c~ += 1»
""",
        """def ~f~(n):
    if n == 0:
        return 1
    return n * «~f~(n - 1)»
""",
        """~a~ = {"~u~": 1, "~v~": 2, "~w~": 3}
print(~a~["~u~"])
print(~a~["~v~"])
«print(~a~["~w~"])»
""",
        """def ~f~(data):
    return {
        "~a~": data["~a~"],
        "~b~": «data["~b~"]»,
        "~c~": «data["~c~"]»,
    }
""",
        """~Au~ = "~u~"
~Av~ = «"~v~"»
~Aw~ = «"~w~"»
ALL = [~Au~, ~Av~, «~Aw~»]
""",
        """import ~a~
import ~b~

~a~.start()
«~b~.start()»
~a~.stop()
«~b~.stop()»
""",
        """assert ~f~(~n~) == ~m~
~c~ = ~f~(~n~)
assert ~c~ == «~m~»
""",
        """def test_~a~():
    ~a~ = ~f~("~u~")
    assert ~a~ == "~u~"


def test_~b~():
    ~b~ = «~f~("~v~")»
    assert ~b~ == "~v~"
""",
        """parser.add_argument("--~a~")
parser.add_argument("--~b~")
options = parser.parse_args()
~f~(options.~a~, «options.~b~»)
""",
        """def ~f~(~a~, ~b~=~n~):
    return ~a~ ~op~ ~b~


~c~ = «~f~(~m~)»  # ~b~ is ~n~, ~a~ is ~m~
""",
        """def ~f~(~a~, ~b~):
    print("~a~:", ~a~)
    «print("~b~:", ~b~)»
    return ~a~ ~op~ ~b~
""",
        """~a~ = open("~v~.txt").read()
~b~ = open("~w~.txt").read()
print(len(~a~))
«print(len(~b~))»
""",
        """for ~x~ in range(~n~):
    if «~x~» % 2 == 0:
        print("even", ~x~)
    else:
        print(«"odd", ~x~»)
""",
        """def ~f~(~a~):
    if ~a~ == "~u~":
        return "~v~"
    return "~w~"


assert ~f~("~u~") == «"~v~"»
""",
        """@property
def ~a~(self):
    return self._~a~


@property
def ~b~(self):
    «return self._~b~»
""",
        """~a~ = []
~a~.append("~u~")
~a~.append("~v~")
print(«~a~»[0])  # ~u~
print(~a~[1])  # «~v~»
""",
        """class ~K~:
    ~a~: int = ~n~
    ~b~: int = ~m~


~x~ = «~K~()»
print(~x~.~a~)  # ~n~
print(~x~.~b~)  # «~m~»
""",
        '''def ~f~(~a~, ~b~):
    """
    ~a~: the ~a~
    ~b~: «the ~b~»
    """
    return ~g~(«~a~, ~b~»)
''',
        """def ~f~(~a~):
    ~c~ = ~a~[0]
    for ~x~ in ~a~:
        if ~x~ > ~c~:
            ~c~ = «~x~»  # the largest one
    «return ~c~»
""",
        """~a~, ~b~ = ~f~(), ~g~()
if ~a~ is not None and «~b~ is not None»:
    print(~a~, «~b~»)
""",
        """def ~f~(**options):
    ~a~ = options.get("~a~")
    ~b~ = «options.get("~b~")»
    return ~a~, «~b~»
""",
        """lock.acquire()
~f~("~w~")
lock.«release()»  # acquire and release
""",
        """~x~ = ~K~("~w~")
~x~.open()
~x~.~f~()
«~x~.close()»  # open, ~f~, close
""",
    ),
    "c": (
        """// ~does~
int ~f~(int ~a~, int ~b~) {
    «return ~a~ ~op~ ~b~;»
}
""",
        """int ~f~(int *~a~, int ~b~) {
    int ~c~ = 0;
    for (int i = 0; i < ~b~; «i++») {
        ~c~ += ~a~[«i»];
    }
    «return ~c~;»
}
""",
        """struct ~K~ {
    int ~a~;
    int ~b~;
};

void print_~x~(struct ~K~ *~x~) {
    printf("%d\\n", ~x~->~a~);
    «printf("%d\\n", ~x~->~b~);»
}
""",
        """const char *name_of(int ~x~) {
    switch (~x~) {
    case ~Au~: return "~u~";
    case ~Av~: return «"~v~"»;
    case ~Aw~: «return "~w~";»
    }
    return "";
}
""",
        """void swap(int *~a~, int *~b~) {
    int ~c~ = *~a~;
    *~a~ = *~b~;
    «*~b~ = ~c~;»
}
""",
        """#define ~Au~ 1
#define ~Av~ 2
#define ~Aw~ «3»
""",
        """int ~f~(int ~a~, int ~b~) {
    if (~a~ < ~b~) {
        return ~a~;  // the smaller one
    }
    «return ~b~;»
}
""",
        """char *~a~ = malloc(~n~);
char *~b~ = malloc(~m~);
free(~a~);
«free(~b~);»
""",
        """FILE *~a~ = fopen("~w~.txt", "r");
if («~a~» == NULL) {
    return 1;
}
fclose(«~a~»);
""",
        """int main(void) {
    int ~a~ = ~n~;
    int ~b~ = ~m~;
    int ~c~ = «~a~ ~op~ ~b~»;  // ~does~
    printf("%d\\n", «~c~»);
    return 0;
}
""",
        """struct ~K~ *~a~ = new_~K~();
struct ~K~ *~b~ = new_~K~();
free_~K~(~a~);
«free_~K~(~b~);»
""",
        """int ~a~[~n~];
for (int i = 0; i < «~n~»; i++) {
    ~a~[i] = «i»;  // 0, 1, 2 and so on
}
""",
        """typedef struct {
    double ~a~;
    double ~b~;
} ~K~;

~K~ ~f~(double ~a~, double ~b~) {
    ~K~ ~x~ = { ~a~, «~b~» };
    return «~x~»;
}
""",
        """int count_~a~(void) { return ~a~; }
int count_~b~(void) { «return ~b~;» }
""",
        """while (~a~ > 0) {
    ~f~(«~a~»);
    ~a~--;
}
""",
        """#ifndef ~Aa~_H
#define «~Aa~_H»

int ~f~(int ~b~);

#endif
""",
    ),
    "js": (
        """// ~does~
function ~f~(~a~, ~b~) {
  «return ~a~ ~op~ ~b~;»
}
""",
        """const ~a~ = require("~a~");
const ~b~ = «require("~b~")»;
const ~c~ = «require("~c~")»;
""",
        """function ~f~() {}
function ~g~() {}

module.exports = { ~f~, «~g~» };
""",
        """const ~c~ = ~a~.map((~x~) => «~x~».~b~);
console.log(«~c~»);
""",
        """let ~c~ = 0;
for (const ~x~ of ~a~) {
  ~c~ += «~x~»;
}
console.log(«~c~»);
""",
        """const ~f~ = (~a~, ~b~) => «~a~ ~op~ ~b~»; // ~does~
""",
        """const { ~a~, ~b~ } = options;
console.log("~a~", ~a~);
«console.log("~b~", ~b~);»
""",
        """class ~K~ {
  get ~a~() {
    return this._~a~;
  }

  get ~b~() {
    «return this._~b~;»
  }
}
""",
        """async function ~f~() {
  const ~a~ = await fetch("/~w~");
  const ~b~ = await «~a~».json();
  «return ~b~;»
}
""",
        """if (~a~ === "~u~") {
  show("~u~");
} else if (~a~ === "~v~") {
  «show("~v~");»
}
""",
        """import { ~a~ } from "./~a~";
import { ~b~ } from «"./~b~"»;
import { ~c~ } from «"./~c~"»;
""",
        """const ~f~ = (~a~) => {
  const ~b~ = ~a~.length;
  return «~b~»;
};
""",
        """button.addEventListener("~u~", () => {
  handle("«~u~»"); // the same word
});
""",
        """for (let i = 0; i < ~a~.length; i++) {
  console.log(«~a~[i]»); // each of ~a~
}
""",
        """const ~a~ = [1, 2, 3];
const ~b~ = ~a~.map((~x~) => «~x~» + ~n~);
console.log(«~b~»);
""",
        """function ~f~(~a~, ~b~) {
  if (~a~ === undefined) throw new Error("~a~ is missing");
  if («~b~ === undefined») «throw new Error("~b~ is missing");»
  return ~a~ ~op~ ~b~;
}
""",
        """const ~a~ = { ~b~: "~v~", ~c~: "~w~" };
console.log(~a~.~b~); // ~v~
console.log(«~a~.~c~»); // ~w~
""",
    ),
    "java": (
        """public class ~K~ {
    private int ~a~;
    private int ~b~;

    public int get~Ca~() {
        return ~a~;
    }

    public int get~Cb~() {
        «return ~b~;»
    }
}
""",
        """    public void set~Ca~(int ~a~) {
        this.~a~ = ~a~;
    }

    public void set~Cb~(int ~b~) {
        «this.~b~ = ~b~;»
    }
""",
        """/**
 * @param ~a~ the ~a~
 * @param ~b~ the «~b~»
 * @return ~does~
 */
int ~f~(int ~a~, int ~b~) {
    return «~a~ ~op~ ~b~»;
}
""",
        """int ~c~ = 0;
for (int ~x~ : ~a~) {
    ~c~ += «~x~»;
}
return «~c~»;
""",
        """~K~ ~a~ = «new ~K~()»;
~a~.open();
~f~(~a~);
~a~.close();
""",
        """Map<String, Integer> ~a~ = new HashMap<>();
~a~.put("~u~", ~n~);
~a~.put("~v~", ~m~);
System.out.println(~a~.get("~u~"));
«System.out.println(~a~.get("~v~"));»
""",
        """@Override
public String toString() {
    return "~K~(" + ~a~ + ", " + «~b~» + ")"; // ~a~ and ~b~
}
""",
        """private final ~K~ ~a~;

public void run() {
    «~a~.run();»  // run of ~a~
}
""",
        """if (~a~ == null) {
    throw new NullPointerException("~a~");
}
if (~b~ == null) {
    «throw new NullPointerException("~b~");»
}
""",
        """public boolean is~Ca~() {
    return ~a~;
}

public boolean is~Cb~() {
    «return ~b~;»
}
""",
        """while (~a~.hasNext()) {
    System.out.println(«~a~.next()»);
}
""",
    ),
    "shell": (
        """for ~x~ in *.txt; do
    echo "«$~x~»"
done
""",
        """if [ -f "$~a~" ]; then
    cat "«$~a~»"
fi
""",
        """~f~() {
    echo "~w~"
}

«~f~»
""",
        """~a~="$1"
~b~=«"$2"»
~c~=«"$3"»
echo "$~a~ $~b~ «$~c~»"
""",
        """case "$1" in
    ~u~) do_~u~ ;;
    ~v~) «do_~v~ ;;»
    ~w~) «do_~w~ ;;»
esac
""",
        """mkdir -p ~u~
mkdir -p ~v~
cd ~u~ && make && cd ..
«cd ~v~ && make && cd ..»
""",
        """while read -r ~x~; do
    echo "$~x~"
«done» < ~w~.txt
""",
        """export ~Au~=~n~
export ~Av~=~m~
echo "$~Au~"
echo «"$~Av~"»
""",
        """cp ~u~.txt backup/~u~.txt
cp ~v~.txt backup/~v~.txt
cp ~w~.txt «backup/~w~.txt»
""",
        """start_~a~() { echo "start ~a~"; }
stop_~a~() { «echo "stop ~a~";» }
""",
        """if [ -z "$~a~" ]; then
    echo "~a~ is missing"
fi
if [ -z "$~b~" ]; then
    «echo "~b~ is missing"»
fi
""",
        """~a~=$(cat ~w~.txt)
echo "«$~a~»"
""",
    ),
    "html": (
        """<ul>
  <li>~u~</li>
  <li>~v~«</li>»
«</ul>»
""",
        """<div class="~u~">
  <p>~v~ ~w~«</p>»
«</div>»
""",
        """<a href="/~u~">~u~</a>
<a href="/~v~">«~v~</a>»
<a href="«/~w~»">~w~</a>
""",
        """<table>
  <tr><td>~u~</td><td>~n~</td></tr>
  <tr><td>~v~</td>«<td>~m~</td>»</tr>  <!-- ~v~ ~m~ -->
</table>
""",
        """<label for="~a~">~a~</label>
<input id="~a~" name="~a~">
<label for="~b~">«~b~</label>»
<input id="~b~" name=«"~b~"»>
""",
        """<option value="~u~">~u~</option>
<option value="~v~">«~v~</option>»
<option value="~w~">«~w~</option>»
""",
        """<h1>~u~</h1>
<h2>~v~«</h2>»
""",
        """<section id="~u~">
  <span>~v~«</span>»
«</section>»
""",
        """<img src="~u~.png" alt="~u~">
<img src="~v~.png" alt=«"~v~"»>
""",
    ),
    "sql": (
        """INSERT INTO ~w~ (~a~, ~b~, ~c~)
VALUES (:~a~, :~b~, «:~c~»);
""",
        """SELECT ~x~.~a~, ~x~.~b~
FROM ~w~ AS ~x~
WHERE «~x~».~a~ = ~n~;
""",
        """CREATE TABLE ~u~ (~a~ INTEGER, ~b~ TEXT);
DROP TABLE «~u~»;
""",
        """SELECT ~a~, COUNT(*)
FROM ~w~
GROUP BY «~a~»;  -- ~a~ and its count
""",
        """SELECT ~a~, ~b~
FROM ~w~
ORDER BY ~a~, «~b~»;
""",
        """SELECT ~u~.~a~, ~v~.~b~
FROM ~u~
JOIN ~v~ ON ~v~.id = «~u~».~v~_id;
""",
        """ALTER TABLE ~w~ ADD COLUMN ~a~ TEXT;
ALTER TABLE ~w~ ADD COLUMN ~b~ TEXT;
UPDATE ~w~ SET ~a~ = 'none';
«UPDATE ~w~ SET ~b~ = 'none';»
""",
    ),
}

HELD_SNIPPETS: dict[str, tuple[str, ...]] = {
    "python": (
        """def ~f~(~a~, ~b~):
    print("~does~")
    ~c~ = ~a~ ~op~ ~b~
    return «~c~»
""",
        """class ~K~:
    def __init__(self, ~a~, ~b~):
        self._~a~ = ~a~
        «self._~b~ = ~b~»
""",
        """def ~f~(~a~):
    ~c~ = []
    for ~x~ in ~a~:
        ~c~.append(«~x~» + ~n~)
    «return ~c~»
""",
        """def open_~a~():
    print("open ~a~")


def close_~a~():
    «print("close ~a~")»
""",
        """~a~ = input("~a~: ")
~b~ = «input("~b~: ")»
print(~a~, ~b~)
""",
        """~c~ = ~n~
while ~c~ > 0:
    print(«~c~»)
    ~c~ -= 1
""",
    ),
    "c": (
        """int ~f~(int ~a~, int ~b~) {
    int ~c~ = ~a~ ~op~ ~b~;
    «return ~c~;»
}
""",
        """void ~f~(struct ~K~ *~x~, int ~a~, int ~b~) {
    ~x~->~a~ = ~a~;
    «~x~->~b~ = ~b~;»
}
""",
    ),
    "js": (
        """export function ~f~(~a~, ~b~) {
  // ~does~
  return «~a~ ~op~ ~b~»;
}
""",
        """const ~a~ = document.getElementById("~a~");
const ~b~ = «document.getElementById("~b~")»;
""",
        """class ~K~ {
  constructor(~a~, ~b~) {
    this.~a~ = ~a~;
    «this.~b~ = ~b~;»
  }
}
""",
    ),
    "java": (
        """public ~K~(int ~a~, int ~b~) {
    this.~a~ = ~a~;
    «this.~b~ = ~b~;»
}
""",
        """for (String ~x~ : ~a~) {
    System.out.println(«~x~»);
}
""",
    ),
    "shell": (
        """for ~x~ in ~u~ ~v~ ~w~; do
    make "«$~x~»"
done
""",
        """rm -rf ~u~
rm -rf ~v~
mkdir ~u~
«mkdir ~v~»
""",
    ),
    "html": (
        """<ol>
  <li>~u~</li>
  <li>~v~</li>
«</ol>»
""",
    ),
    "sql": (
        """UPDATE ~w~
SET ~a~ = :~a~, ~b~ = «:~b~»;
""",
    ),
}

# The same statement for each of several names: {i} is the name, {I} it in capitals, {o} an object, {f} a function, {n} a number.
DECLARED = Forms(
    (
        "{o} = [{quoted}]", "def {f}({names}):", "function {f}({names}) {{", "int {typed};", "var {names};",
        "const {{ {names} }} = {o};", "# {names}", "// {names}", "struct {o} {{ int {names}; }};", "for name in ({quoted}):",
        "let {names};", "import {names}", "SELECT {names} FROM {o};", "/* {names} */", "local {names}", "{o}({names});",
    ),
    ("{o} = ({quoted})", "fn {f}({names}) {{", "-- {names}", "from {o} import {names}"),
)  # fmt: skip
STATEMENTS = Forms(
    (
        "{o}.{i} = {i}", "{o}.{i} = {i};", "set_{i}({i})", "print({i})", 'print("{i}", {i})', '"{i}": {i},', "{i}: int",
        "{i}: str = None", "{f}({i})", "{f}({i}, {n})", '{f}("{i}")', '{o}["{i}"] = {i}', '{o}["{i}"] = {n}',
        "assert {i} is not None", "del {i}", '{I} = "{i}"', 'if not {i}: raise ValueError("{i}")', 'case "{i}": {f}_{i}();',
        "{o}.add({i})", "{o}.add({i});", "{o}.append({i})", "echo ${i}", 'echo "{i}: ${i}"', "--{i} ${i}", "{o}.{i}()",
        "{i}.{f}();", "{i}.{f}()", "log({i});", 'console.log("{i}:", {i});', "free({i});", "<{o}>{i}</{o}>",
        '<{o} id="{i}">{i}</{o}>', 'printf("{i} %d\\n", {i});', "int get_{i}() {{ return {i}; }}", "{o}->{i} = {i};",
        "{i} = {o}.{i}", "{i} = {o}.{i};", '{i} = {o}["{i}"]', '{i} = {f}("{i}")', "{i} += {n}", "self.{i} = {i}",
        "this.{i} = {i};", '{o}.set("{i}", {i});', "export {i}={n}", "return {i}", "extern int {i};", "void {i}_{f}(void);",
        "#include <{i}.h>", "- {i}: {o}_{i}", "{i}={o}.{i}", "{f}({o}, {i}, {i})", "with {i}: {f}()",
        'let {i} = {o}.get("{i}");', "delete {i};", "{i}.close()", "{i}.open({n})", '{f}["{i}"]({i})',
        "test_{i} = {f}(test, {i})", "raise {i}.error",
    ),
    (
        "{o}.put({i})", "{o}_{i} = {i}", 'show("{i}", {i});', "self._{i} = {i}", "{i}.start({n});", '{o}["{i}"] = {f}({i})',
        "mkdir {i}", "{f}({i}, {o})", "<p>{i}</p>",
    ),
)  # fmt: skip
