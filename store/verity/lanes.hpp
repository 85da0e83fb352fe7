// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// SHA-256 and SHA-512 of several messages of one length at once: each lane of a vector holds the state of one message.
// One template serves every vector width. It is included by one source file for each instruction set, compiled for
// that set, so all of it has internal linkage and calls nothing from the standard library: the linker must not pick
// such a copy for use on a CPU that lacks the instructions.
//
// Source: FIPS 180-4
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace sealroot {
namespace {

/// Fractional parts of the cube roots of the first 80 primes. SHA-256 uses the upper halves of the first 64.
constexpr std::uint64_t round_constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

/// Fractional parts of the square roots of the first 8 primes, used alike.
constexpr std::uint64_t initial_state[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                            0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                            0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

template <typename Word>
struct Sha2;

template <>
struct Sha2<std::uint32_t> {
  static constexpr int rounds = 64;
  static constexpr int big_sigma_0[3] = {2, 13, 22};
  static constexpr int big_sigma_1[3] = {6, 11, 25};
  static constexpr int small_sigma_0[3] = {7, 18, 3};  // the last one is a shift
  static constexpr int small_sigma_1[3] = {17, 19, 10};
};

template <>
struct Sha2<std::uint64_t> {
  static constexpr int rounds = 80;
  static constexpr int big_sigma_0[3] = {28, 34, 39};
  static constexpr int big_sigma_1[3] = {14, 18, 41};
  static constexpr int small_sigma_0[3] = {1, 8, 7};
  static constexpr int small_sigma_1[3] = {19, 61, 6};
};

/// `Logic` has the three-operand functions, which some instruction sets have in one instruction.
template <typename Word, std::size_t lane_count, typename Logic>
class Lanes {
 public:
  static constexpr std::size_t count = lane_count;

  /// Hashes messages[0..used), used <= count, to `hashes`, one after the other.
  static void hash(const std::uint8_t* const* messages, std::size_t used, std::size_t size_bytes,
                   std::uint8_t* hashes) {
    const std::uint8_t* lanes[lane_count];
    for (std::size_t lane = 0; lane < lane_count; ++lane) lanes[lane] = messages[lane < used ? lane : 0];
    Vector state[8];
    for (int i = 0; i < 8; ++i) state[i] = broadcast(upper_part(initial_state[i]));
    for (std::size_t offset = 0; offset < size_bytes; offset += block_bytes) {
      Vector block[16];
      load_block(lanes, offset, block);
      compress(state, block);
    }
    Vector padding[16] = {broadcast(Word{1} << (word_bits - 1))};
    padding[15] = broadcast(static_cast<Word>(size_bytes * 8));
    compress(state, padding);
    store_state(state, used, hashes);
  }

 private:
  // Not sizeof(Vector): g++ 12 takes that for sizeof(Word).
  static constexpr std::size_t vector_bytes = lane_count * sizeof(Word);
  typedef Word Vector __attribute__((vector_size(vector_bytes)));
  typedef std::uint8_t ByteVector __attribute__((vector_size(vector_bytes)));

  static constexpr int word_bits = 8 * sizeof(Word);
  static constexpr std::size_t block_bytes = 16 * sizeof(Word);

  static constexpr Word upper_part(std::uint64_t value) { return static_cast<Word>(value >> (64 - word_bits)); }

  static Vector broadcast(Word value) { return Vector{} + value; }

  static Vector rotate(Vector x, int bits) { return (x >> bits) | (x << (word_bits - bits)); }

  static Vector big_sigma(Vector x, const int (&bits)[3]) {
    return Logic::xor3(rotate(x, bits[0]), rotate(x, bits[1]), rotate(x, bits[2]));
  }

  static Vector small_sigma(Vector x, const int (&bits)[3]) {
    return Logic::xor3(rotate(x, bits[0]), rotate(x, bits[1]), x >> bits[2]);
  }

  /// All rounds of one block. The unrolled loops leave every index a constant, so that `state` stays in registers.
  /// A round waits for the one before it, so sums are added up with what is known last at their end; compiled with
  /// -fno-tree-reassoc, so that the compiler keeps that order.
  static void compress(Vector (&state)[8], Vector (&block)[16]) {
    using Hash = Sha2<Word>;
    Vector s[8];
    for (int i = 0; i < 8; ++i) s[i] = state[i];
    for (int first = 0; first < Hash::rounds; first += 16) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        if (first > 0) {
          block[i] = block[i] + small_sigma(block[(i + 1) & 15], Hash::small_sigma_0) + block[(i + 9) & 15] +
                     small_sigma(block[(i + 14) & 15], Hash::small_sigma_1);
        }
        // a..h of the standard are s[(0 - i) & 7] .. s[(7 - i) & 7]: names move instead of values.
        const Vector a = s[(0 - i) & 7], b = s[(1 - i) & 7], c = s[(2 - i) & 7];
        const Vector e = s[(4 - i) & 7], f = s[(5 - i) & 7], g = s[(6 - i) & 7], h = s[(7 - i) & 7];
        const Vector sum = h + upper_part(round_constants[first + i]) + block[i] + Logic::choose(e, f, g) +
                           big_sigma(e, Hash::big_sigma_1);
        s[(3 - i) & 7] += sum;
        s[(7 - i) & 7] = sum + Logic::majority(a, b, c) + big_sigma(a, Hash::big_sigma_0);
      }
    }
    for (int i = 0; i < 8; ++i) state[i] += s[i];
  }

  /// Big-endian words to native ones.
  template <std::size_t... index>
  static Vector swap_bytes(Vector x, std::index_sequence<index...>) {
    const ByteVector bytes = reinterpret_cast<ByteVector>(x);
    return reinterpret_cast<Vector>(__builtin_shufflevector(bytes, bytes, (index ^ (sizeof(Word) - 1))...));
  }

  /// Of each pair of squares of `step` columns: the left ones of both rows, then the right ones of both rows.
  template <std::size_t step, std::size_t... column>
  static void exchange(Vector& upper, Vector& lower, std::index_sequence<column...>) {
    const Vector left =
        __builtin_shufflevector(upper, lower, ((column & step) ? lane_count + column - step : column)...);
    lower = __builtin_shufflevector(upper, lower, ((column & step) ? lane_count + column : column + step)...);
    upper = left;
  }

  template <std::size_t step>
  static void transpose(Vector (&rows)[lane_count]) {
    if constexpr (step > 0) {
#pragma GCC unroll 16
      for (std::size_t row = 0; row < lane_count; ++row) {
        if (!(row & step)) exchange<step>(rows[row], rows[row + step], std::make_index_sequence<lane_count>());
      }
      transpose<step / 2>(rows);
    }
  }

  /// Word i of every lane's message to block[i].
  static void load_block(const std::uint8_t* const (&lanes)[lane_count], std::size_t offset, Vector (&block)[16]) {
    for (std::size_t first = 0; first < 16; first += lane_count) {
      Vector rows[lane_count];
#pragma GCC unroll 16
      for (std::size_t lane = 0; lane < lane_count; ++lane) {
        Vector row;
        __builtin_memcpy(&row, lanes[lane] + offset + first * sizeof(Word), vector_bytes);
        rows[lane] = swap_bytes(row, std::make_index_sequence<vector_bytes>());
      }
      transpose<lane_count / 2>(rows);
#pragma GCC unroll 16
      for (std::size_t i = 0; i < lane_count; ++i) block[first + i] = rows[i];
    }
  }

  static void store_state(const Vector (&state)[8], std::size_t used, std::uint8_t* hashes) {
    for (std::size_t lane = 0; lane < used; ++lane) {
      for (const Vector& words : state) {
        for (int shift = word_bits - 8; shift >= 0; shift -= 8) {
          *hashes++ = static_cast<std::uint8_t>(words[lane] >> shift);
        }
      }
    }
  }
};

}  // namespace
}  // namespace sealroot
