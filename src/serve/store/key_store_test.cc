// Aim: a key opens the door until it is revoked, whichever process revoked it, and nothing stored or shown opens it.
#include "serve/store/key_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "serve/store/test_support.h"

namespace baleen::serve {
namespace {

using Mode = Database::Mode;

class Keys : public testing::Test {
  protected:
    std::unique_ptr<KeyStore> open(Mode mode = Mode::create) const {
        auto store = KeyStore::open(folder_.path(), mode);
        EXPECT_TRUE(store.ok()) << store.error().message;
        return std::move(store).value();
    }
    static std::optional<ApiKey> find(KeyStore& store, std::string_view secret) {
        auto found = store.find(secret);
        EXPECT_TRUE(found.ok()) << found.error().message;
        return found.ok() ? *found : std::nullopt;
    }
    test::TemporaryFolder folder_;
};

TEST_F(Keys, OpenTheDoorUntilRevoked) {
    const auto store = open();
    const auto made = store->add("laptop", Money{5'000'000'000'000, Currency::cny}, {3, Rate{60, 60'000}}, 1000);
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_EQ(made->secret.size(), 3u + 64);
    EXPECT_TRUE(made->secret.starts_with("sk-"));
    EXPECT_EQ(made->key.id, 1);

    const auto found = find(*store, made->secret);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->id, 1);
    EXPECT_EQ(found->name, "laptop");
    EXPECT_EQ(found->budget, (Money{5'000'000'000'000, Currency::cny}));
    EXPECT_EQ(found->limits.concurrency, 3);
    EXPECT_EQ(found->limits.rate, (Rate{60, 60'000}));
    EXPECT_EQ(found->created_ms, 1000);

    std::string other = made->secret;
    other.back() = other.back() == '0' ? '1' : '0';
    for (const std::string& wrong : {other, std::string(), made->secret + "0", made->secret.substr(1), std::string(100'000, 'x'), made->key.shown})
        EXPECT_FALSE(find(*store, wrong).has_value());

    ASSERT_TRUE(store->revoke(1, 2000).ok());
    EXPECT_FALSE(find(*store, made->secret).has_value());
    EXPECT_EQ(store->revoke(1, 3000)->revoked_ms, 2000) << "the first date stays";
    EXPECT_EQ(store->list()->at(0).revoked_ms, 2000);
    EXPECT_EQ(store->revoke(2, 3000).error().message, "there is no key 2; baleen keys list shows all");
    EXPECT_EQ(store->change(1, {}).error().message, "key 1 is revoked");
}

TEST_F(Keys, AreNeverStored) {
    const auto store = open();
    std::set<std::string> secrets;
    for (int i = 0; i < 20; ++i) secrets.insert(store->add("k", std::nullopt, {}, i)->secret);
    EXPECT_EQ(secrets.size(), 20u);
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
        const std::string bytes = folder_.read(entry.path().filename());
        for (const std::string& secret : secrets) EXPECT_EQ(bytes.find(secret.substr(7, 20)), std::string::npos) << entry.path();
        struct stat status {};
        ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0077, 0u) << entry.path() << " can be read by others";
    }
    EXPECT_EQ(masked("sk-0123456789abcdefcc2"), "****fcc2");
    EXPECT_EQ(masked("short"), "****");
    EXPECT_EQ(masked(std::string_view("0123456789\xff\n\0x", 14)), "****\\xff\\x0a\\x00x");
}

TEST_F(Keys, ChangesOfOthersAreSeen) {
    const auto server = open();
    const auto tool = open(Mode::existing);
    const auto made = tool->add("late", std::nullopt, {}, 0);
    ASSERT_TRUE(find(*server, made->secret).has_value());
    KeyStore::Changes changes;
    changes.budget.emplace(Money{7, Currency::usd});
    changes.rate.emplace(Rate{5, 1000});
    ASSERT_TRUE(tool->change(1, changes).ok());
    EXPECT_EQ(find(*server, made->secret)->budget, (Money{7, Currency::usd}));
    EXPECT_EQ(find(*server, made->secret)->limits.rate, (Rate{5, 1000}));
    changes = {};
    changes.budget.emplace(std::nullopt);
    ASSERT_TRUE(tool->change(1, changes).ok());
    EXPECT_EQ(find(*server, made->secret)->budget, std::nullopt);
    EXPECT_EQ(find(*server, made->secret)->limits.rate, (Rate{5, 1000})) << "what is not named stays";
    ASSERT_TRUE(tool->revoke(1, 5).ok());
    EXPECT_FALSE(find(*server, made->secret).has_value());
}

TEST_F(Keys, NamesAreBounded) {
    const auto store = open();
    for (const std::string& name : {std::string(), std::string(101, 'x'), std::string("a\nb"), std::string("a\x7f")})
        EXPECT_FALSE(store->add(name, std::nullopt, {}, 0).ok());
    EXPECT_TRUE(store->add("Jörg's 鲸", std::nullopt, {}, 0).ok());
    EXPECT_TRUE(store->add("Jörg's 鲸", std::nullopt, {}, 0).ok()) << "a name may be used twice, ids tell keys apart";
}

TEST_F(Keys, MissingAndForeignFiles) {
    const auto missing = KeyStore::open(folder_.path(), Mode::existing);
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    EXPECT_NE(missing.error().message.find("baleen keys add"), std::string::npos);
    folder_.write(kDatabaseName, std::string(8192, 'x'));
    const auto foreign = KeyStore::open(folder_.path(), Mode::create);
    ASSERT_FALSE(foreign.ok());
    EXPECT_EQ(foreign.error().code, ErrorCode::corrupt) << foreign.error().message;
}

TEST_F(Keys, LaterVersionsAreRefused) {
    open();
    {
        auto database = Database::open(folder_.path() / kDatabaseName, Mode::existing);
        ASSERT_TRUE(database->run("PRAGMA user_version = 99").ok());
    }
    const auto store = KeyStore::open(folder_.path(), Mode::create);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, ErrorCode::unsupported);
    EXPECT_NE(store.error().message.find("version 99"), std::string::npos);
}

// Several processes make the file at once and add a key each; every key works.
TEST_F(Keys, ProcessesMayStartTogether) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    constexpr int kProcesses = 8;
    for (int i = 0; i < kProcesses; ++i) {
        if (::fork() != 0) continue;
        auto store = KeyStore::open(folder_.path(), Mode::create);
        if (!store.ok()) ::_exit(1);
        const auto made = (*store)->add("p", std::nullopt, {}, i);
        if (!made.ok()) ::_exit(2);
        ::_exit(::write(ends[1], made->secret.data(), made->secret.size()) == 67 ? 0 : 3);
    }
    for (int i = 0; i < kProcesses; ++i) {
        int status = 0;
        ASSERT_GT(::wait(&status), 0);
        EXPECT_EQ(status, 0);
    }
    ::close(ends[1]);
    const auto store = open(Mode::existing);
    char secret[67];
    int works = 0;
    while (::read(ends[0], secret, sizeof secret) == sizeof secret) works += find(*store, {secret, sizeof secret}).has_value();
    ::close(ends[0]);
    EXPECT_EQ(works, kProcesses);
}

TEST_F(Keys, ManyThreadsMayLook) {
    const auto store = open();
    const std::string secret = store->add("k", std::nullopt, {}, 0)->secret;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i) EXPECT_TRUE(store->find(secret)->has_value());
        });
}

TEST(Balances, AreWhatIsLeft) {
    const Balance left = balance_of({110, Currency::cny}, 10);
    EXPECT_EQ(left.currency, Currency::cny);
    EXPECT_EQ(left.total_pico, 100);
    EXPECT_EQ(left.granted_pico, 0);
    EXPECT_EQ(left.topped_up_pico, 100);
    EXPECT_TRUE(left.available);
    EXPECT_FALSE(balance_of({110, Currency::cny}, 110).available);
    EXPECT_EQ(balance_of({0, Currency::usd}, 5).total_pico, -5);
    EXPECT_LT(balance_of({0, Currency::usd}, INT64_MAX).total_pico, 0);
}

}  // namespace
}  // namespace baleen::serve
