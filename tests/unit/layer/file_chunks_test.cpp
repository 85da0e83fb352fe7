// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// An archive read from a file, contents passed over, against the same archive read as a stream: same entries, same
// digests, and the same message for what is wrong with it.
#include "builder/layer/file_chunks.hpp"

#include <algorithm>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/tar_writer.hpp"
#include "tests/unit/layer/read_tar.hpp"

using namespace sealroot;

namespace {

/// Every entry with its digest, or the error.
std::string outcome(ChunkSource& stream) {
  LayerBudget budget;
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  try {
    const Layer layer = read_layer(stream, "layer", WhiteoutRule::apply, budget, ingest);
    const SpillTable<Digest> digests = ingest.finish();
    std::string text;
    for (const LayerEntry& entry : layer.entries) {
      text += std::string(entry.path) + "@" + std::to_string(entry.offset);
      if (entry.content) text += " " + to_hex(digests[*entry.content]);
      if (const Node* const node = std::get_if<Node>(&entry.what); node != nullptr && node->regular() != nullptr) {
        text += " " + std::to_string(node->regular()->size) + " " + node->regular()->inline_content;
      }
      text += "\n";
    }
    return text;
  } catch (const Error& error) {
    return std::string("error: ") + error.what();
  }
}

std::string from_file(const std::string& archive) {
  const Scratch scratch;
  write_new_file(scratch.directory(), "archive", as_bytes(archive));
  FileChunks chunks({std::make_shared<const Fd>(open_at(scratch.directory(), "archive", O_RDONLY)), archive.size()},
                    {});
  return outcome(chunks);
}

std::string from_stream(const std::string& archive) {
  MemoryStream bytes(archive, 1000);
  ReadAhead stream(bytes);
  return outcome(stream);
}

TarWriter archive() {
  TarWriter tar;
  tar.directory("usr/").file("usr/empty").file("usr/inline", "short").file("usr/large", std::string(300000, 'l'));
  tar.pax("path", "usr/" + std::string(120, 'p')).file("x", std::string(5000, 'p'));
  tar.hard_link("usr/other", "usr/large").file("usr/block", std::string(4096, 'b'));
  for (int i = 0; i < 20; ++i) tar.file("usr/" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 97, 'c'));
  return tar;
}

}  // namespace

TEST_CASE("an archive in a file has the entries and digests of the same archive as a stream") {
  const std::string whole = archive().str();
  CHECK_FALSE(from_stream(whole).starts_with("error"));
  CHECK(from_file(whole) == from_stream(whole));
  CHECK(from_file(whole + std::string(100000, '\0')) == from_stream(whole));
}

TEST_CASE("T11_an archive in a file that is cut anywhere is refused as the stream is") {
  const std::string whole = archive().str();
  for (std::size_t size = 0; size < whole.size() - 512; size += size < 4096 ? 31 : 4999) {
    INFO("cut to " << size << " bytes");
    const std::string cut = whole.substr(0, size);
    CHECK(from_file(cut).starts_with("error"));
    CHECK(from_file(cut) == from_stream(cut));
  }
}

TEST_CASE("bytes behind the data that is passed over are checked") {
  std::string damaged = archive().str();
  const std::size_t place = damaged.find("usr/other");
  damaged[place] = 'U';  // its header's checksum is wrong now
  CHECK(from_file(damaged).starts_with("error"));
  CHECK(from_file(damaged) == from_stream(damaged));
}
