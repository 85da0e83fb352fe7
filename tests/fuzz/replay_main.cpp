// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Stands in for libFuzzer in the default tests: gives each file of the folders named to the target once, then prefixes
// of it and copies with one bit changed, so that every compiler and sanitizer sees what fuzzing has found before.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace {

constexpr std::size_t variants_per_file = 64;

void run(const std::string& input) {
  // A copy of exactly this size: reading past its end is then an error that ASan sees.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void run_with_variants(const std::string& input) {
  run(input);
  const std::size_t step = std::max<std::size_t>(1, input.size() / variants_per_file);
  for (std::size_t at = 0; at < input.size(); at += step) {
    run(input.substr(0, at));
    std::string changed = input;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at / step % 8)));
    run(changed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
    std::ranges::sort(files);
    for (const std::filesystem::path& file : files) {
      std::ifstream stream(file, std::ios::binary);
      run_with_variants({std::istreambuf_iterator<char>(stream), {}});
      ++count;
    }
  }
  std::cout << count << " files replayed\n";
  return count == 0 ? 1 : 0;
}
