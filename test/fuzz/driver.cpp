// Drives a fuzz target where there is no libFuzzer: random schedules from their own words, then damaged.
//   driver RUNS [SEED]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr const char* kWords[] = {
    "*",       "*/",     "/",         "-",    ",",     "$",          " ",     "  ",      "\t",
    "\n",      "#",      "0",         "1",    "5",     "7",          "12",    "23",      "29",
    "31",      "59",     "60",        "007",  "99999", "4294967297", "jan",   "FEB",     "dec",
    "Mon",     "sun",    "sat",       "L",    "W",     "?",          "~",     "@hourly", "@yearly",
    "@reboot", "second", "hours",     "days", "1.5",   "minutes",    "month", ":",       "01:30",
    "+",       "ago",    "* * * * *", "P1D",  "PT",    "@ ",         "T2H"};

class Generator {
  public:
    explicit Generator(std::uint64_t seed) : random_(seed) {}

    const std::string& next() {
        text_.clear();
        for (int i = 0; i < 8; i++) text_.push_back(static_cast<char>(random_()));
        const auto shape = random_() % 8;
        if (shape < 5) {
            const auto fields = 4 + random_() % 4;
            for (std::uint64_t i = 0; i < fields; i++) field(i + 1 == fields);
        } else {
            const auto words = random_() % 12;
            for (std::uint64_t i = 0; i < words; i++) text_ += word();
        }
        if (random_() % 4 == 0) damage();
        return text_;
    }

  private:
    const char* word() { return kWords[random_() % (sizeof(kWords) / sizeof(kWords[0]))]; }
    std::string number() { return std::to_string(random_() % 64); }
    void field(bool last) {
        const auto elements = 1 + random_() % 3;
        for (std::uint64_t i = 0; i < elements; i++) {
            if (i > 0) text_ += ",";
            switch (random_() % 6) {
                case 0:
                case 1:
                    text_ += "*";
                    break;
                case 2:
                    text_ += number() + "-" + number();
                    break;
                case 3:
                    text_ += word();
                    break;
                default:
                    text_ += number();
            }
            if (random_() % 5 == 0) text_ += "/" + number();
        }
        if (!last) text_ += " ";
    }
    void damage() {
        if (text_.size() <= 8) return;
        const auto at = 8 + random_() % (text_.size() - 8);
        switch (random_() % 4) {
            case 0:
                text_[at] = static_cast<char>(random_());
                break;
            case 1:
                text_.erase(at, 1 + random_() % 3);
                break;
            case 2:
                text_.insert(at, word());
                break;
            default:
                text_.append(random_() % 1100, static_cast<char>(random_()));
        }
    }

    std::mt19937_64 random_;
    std::string text_;
};

}  // namespace

int main(int argc, char** argv) {
    const long long runs = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
    std::printf("%lld inputs from seed %llu\n", runs, static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    Generator generator(seed);
    for (long long i = 0; i < runs; i++) {
        const std::string& input = generator.next();
        // A buffer of exactly this size, so that the sanitizer sees one byte too many.
        auto* copy = static_cast<std::uint8_t*>(std::malloc(input.size()));
        if (copy == nullptr) return 1;
        for (std::size_t b = 0; b < input.size(); b++) copy[b] = static_cast<std::uint8_t>(input[b]);
        LLVMFuzzerTestOneInput(copy, input.size());
        std::free(copy);
    }
    std::printf("%lld inputs without a fault\n", runs);
    return 0;
}
