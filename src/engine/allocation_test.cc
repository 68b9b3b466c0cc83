// A steady decode step takes no memory from the system: what it needs is kept from the steps before.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/engine.h"

// Every way to get memory that the engine uses comes by here; arrays do by way of these. Replacing them works under sanitizers too, which
// then watch malloc and free instead; std::stable_sort asks for its buffer without exceptions and gives it back by the plain delete.
namespace {
std::atomic<std::int64_t> allocations{0};  // of all threads

void* counted(std::size_t bytes, std::size_t alignment) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
    return memory;
}

void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
    void* memory = counted(bytes, alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
}  // namespace

void* operator new(std::size_t bytes) { return counted_or_throw(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return counted_or_throw(bytes, static_cast<std::size_t>(alignment)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace baleen::engine {
namespace {

TEST(Allocation, SteadyDecodeTakesNoMemory) {
    for (const bool mtp : {false, true}) {
        EngineOptions options;
        options.threads = 2;
        options.context = 1024;
        options.kv_budget_bytes = 64 << 20;
        options.mtp = mtp;
        auto engine = Engine::open(std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny/checkpoint", options).value();
        std::vector<std::unique_ptr<Sequence>> sequences;
        StepBatch batch;
        for (int i = 0; i < 3; ++i) {
            std::vector<TokenId> prompt;
            for (int t = 0; t < 100 + 50 * i; ++t) prompt.push_back(TokenId((7 * t + i) % 200));
            sequences.push_back(engine->start({.prompt = prompt}).value());
            ASSERT_TRUE(engine->prefill(*sequences.back(), {}).ok());
            batch.spans.push_back({sequences.back().get(), 1, RowKind::decode, {-1}, {}, {}});
        }
        // Long enough for blocks of 128 tokens to begin and end within.
        ASSERT_GT(allocations.load(), 0) << "nothing is counted";
        for (int step = 0; step < 150; ++step) {
            for (const auto& sequence : sequences) ASSERT_TRUE(sequence->append(TokenId(step % 200)).ok());
            const std::int64_t before = allocations.load();
            ASSERT_TRUE(engine->step(batch).ok());
            if (step >= 2) {
                ASSERT_EQ(allocations.load() - before, 0) << "step " << step << (mtp ? " with" : " without") << " the MTP block";
            }
        }
    }
}

}  // namespace
}  // namespace baleen::engine
