// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The vectors of tests/golden: dumpfiles, and what the reference tool makes of them.
#pragma once

#include <openssl/evp.h>
#include <zlib.h>

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/core/bytes.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// Plain SHA-256, in hex.
inline std::string sha256_hex(ByteView bytes) {
  std::array<std::uint8_t, 32> hash{};
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  return to_hex(ByteView(hash));
}

/// The content of a gzip file below tests/.
inline Bytes gunzip_test_data(const std::string& name) {
  gzFile file = ::gzopen((std::string(TEST_DATA) + "/" + name).c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("missing " + name);
  Bytes bytes;
  std::array<std::uint8_t, 65536> buffer;
  for (int count; (count = ::gzread(file, buffer.data(), buffer.size())) > 0;) {
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + count);
  }
  ::gzclose(file);
  return bytes;
}

/// One row of tests/golden/index.tsv; its dumpfile is golden/CASE.dump.gz.
struct GoldenImage {
  std::string name, mode, fsverity_sha256, sha256;
  std::size_t size = 0;
  bool refused = false;
};

inline std::vector<GoldenImage> golden_images() {
  std::ifstream table(std::string(TEST_DATA) + "/golden/index.tsv");
  std::vector<GoldenImage> rows;
  std::string line;
  std::getline(table, line);  // column names
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    GoldenImage row;
    std::string options, size, status;
    for (std::string* field : {&row.name, &row.mode, &options, &row.fsverity_sha256, &row.sha256, &size, &status}) {
      std::getline(fields, *field, '\t');
    }
    row.refused = status != "0";
    if (!row.refused) row.size = std::stoul(size);
    rows.push_back(row);
  }
  return rows;
}

/// One row of tests/golden/cfsctl.tsv; its dumpfile is golden/cfsctl-ALGORITHM.dump.gz.
struct CfsctlImage {
  std::string algorithm, format, sha256;
  std::size_t size = 0;
};

inline std::vector<CfsctlImage> cfsctl_images() {
  std::ifstream table(std::string(TEST_DATA) + "/golden/cfsctl.tsv");
  std::vector<CfsctlImage> rows;
  std::string line;
  std::getline(table, line);  // column names
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    CfsctlImage row;
    fields >> row.algorithm >> row.format >> row.sha256 >> row.size;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace sealroot
