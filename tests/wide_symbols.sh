#!/bin/sh
# Aim: object files of a wide kernel set define nothing that another file's code could be linked to: no weak symbols (an inline
# function compiled there would carry wide instructions to every caller on any CPU), and no global function outside its set.
#   tests/wide_symbols.sh BUILD_DIRECTORY        an optimised build; without optimisation inline functions stay functions
set -eu
objects=$(find "$1/CMakeFiles/baleen_kernels.dir" -path '*/src/kernels/avx*/*.o' | sort)
[ -n "$objects" ] || { echo "no object of a wide set under $1; 0 passed"; exit 77; }
failed=0
for object in $objects; do
    set_name=$(basename "$(dirname "$object")")
    symbols=$(nm -C --defined-only "$object")
    weak=$(printf '%s\n' "$symbols" | grep -E '^[0-9a-f]+ [WVu] ' || true)
    outside=$(printf '%s\n' "$symbols" | grep -E '^[0-9a-f]+ T ' | grep -vE " T baleen::kernels::($set_name::|fill_$set_name\()" || true)
    for found in "$weak" "$outside"; do
        [ -z "$found" ] && continue
        echo "$object defines" >&2
        printf '%s\n' "$found" >&2
        failed=1
    done
done
[ $failed = 0 ] && echo "$(echo "$objects" | wc -l) objects of wide sets define only their own entries"
exit $failed
