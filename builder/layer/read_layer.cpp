// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/read_layer.hpp"

#include <algorithm>
#include <array>

#include "builder/layer/entry_path.hpp"
#include "builder/layer/limits.hpp"
#include "builder/tree/during_entry.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";
constexpr std::array<std::uint8_t, 1U << 16> zeros{};

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

/// Takes the content of one file, piece by piece.
class ContentSink {
 public:
  ContentSink(std::string_view path, RegularFile& file, Ingest& ingest) : file_(file), ingest_(ingest) {
    if (file.size > max_inline_size) id_ = ingest.begin(file.size, path);
  }

  void write(ByteView data) {
    written_ += data.size();
    if (written_ > file_.size) throw bad("file has more data than its size says");
    id_ ? ingest_.write(data) : void(file_.inline_content += as_text(data));
  }

  void write_zeros(std::uint64_t count) {
    for (; count > 0; count -= std::min<std::uint64_t>(count, zeros.size())) {
      write(ByteView(zeros).first(std::min<std::uint64_t>(count, zeros.size())));
    }
  }

  std::uint64_t written() const { return written_; }

  std::optional<ContentId> end() {
    if (id_) ingest_.end();
    return id_;
  }

 private:
  RegularFile& file_;
  Ingest& ingest_;
  std::optional<ContentId> id_;
  std::uint64_t written_ = 0;
};

class LayerReader {
 public:
  LayerReader(ChunkSource& stream, WhiteoutRule whiteouts, LayerBudget& budget, Ingest& ingest, LayerStream* recorder,
              const KnownLayer* known, MergedTree* lowest)
      : tar_(stream, recorder),
        file_(recorder == nullptr ? stream.backing_file() : BackingFile{}),
        whiteouts_(whiteouts),
        budget_(budget),
        ingest_(ingest),
        recorder_(recorder),
        known_(known),
        lowest_(lowest) {}

  void read_all(Layer& layer) {
    while (const TarEntry* const entry = tar_.next()) {
      during_entry(entry->path, entry->offset, [&] { take(*entry, layer); });
    }
  }

 private:
  void take(const TarEntry& entry, Layer& layer) {
    if (budget_.entries-- == 0) {
      throw bad("more than " + std::to_string(budget_.max_entries) + " entries; --max-entries allows more");
    }
    take_metadata(entry);
    std::string path = normalise_path(entry.path);
    if (entry.path.ends_with('/') && entry.type != TarEntry::Type::directory) {
      throw bad("name ends with '/', but the entry is not a directory");
    }
    if (is_whiteout_path(parent_path(path))) throw bad("a directory of the path has the name of a whiteout");
    if (base_name(path).starts_with(whiteout_prefix)) {
      layer.whiteouts.push_back(whiteout(entry, path));
      return;
    }
    LayerEntry result;
    result.path = std::move(path);
    result.offset = entry.offset;
    if (entry.type == TarEntry::Type::hard_link) {
      result.what = hard_link(entry);
    } else {
      fill_node(entry, result);
    }
    if (lowest_ != nullptr) {
      lowest_->add(result);
    } else {
      layer.entries.push_back(std::move(result));
    }
  }

  void take_metadata(const TarEntry& entry) {
    std::uint64_t size = entry.path.size() + entry.link_target.size();
    for (const auto& [name, value] : entry.metadata.xattrs) size += name.size() + value.size();
    if (size > budget_.metadata_bytes) {
      throw bad("names, links and xattrs of more than " + std::to_string(budget_.max_entries * mean_metadata_size) +
                " bytes together; --max-entries allows more");
    }
    budget_.metadata_bytes -= size;
  }

  static bool is_whiteout_path(std::string_view path) {
    return path.starts_with(whiteout_prefix) || path.find("/.wh.") != std::string_view::npos;
  }

  Whiteout whiteout(const TarEntry& entry, std::string_view path) const {
    if (whiteouts_ == WhiteoutRule::refuse) throw bad("whiteouts have a meaning only in layers of a container image");
    if (entry.type != TarEntry::Type::file || entry.size != 0) throw bad("whiteout is not an empty file");
    const std::string_view name = base_name(path);
    const std::string_view hidden = name.substr(whiteout_prefix.size());
    if (name == opaque_name) return {std::string(parent_path(path)), {}, entry.offset};
    if (hidden.empty() || hidden == "." || hidden == ".." || hidden.starts_with(whiteout_prefix)) {
      throw bad("not a valid name for a whiteout");
    }
    return {std::string(parent_path(path)), std::string(hidden), entry.offset};
  }

  static HardLink hard_link(const TarEntry& entry) {
    return during("link target " + quoted(entry.link_target), [&] {
      HardLink link{normalise_path(entry.link_target)};
      if (is_whiteout_path(link.target)) throw bad("is a whiteout");
      return link;
    });
  }

  void fill_node(const TarEntry& entry, LayerEntry& result) {
    Node& node = std::get<Node>(result.what);
    node.metadata = entry.metadata;
    switch (entry.type) {
      case TarEntry::Type::directory:
        node.content = Directory{};
        break;
      case TarEntry::Type::fifo:
        node.content = Fifo{};
        break;
      case TarEntry::Type::character_device:
        node.content = DeviceNode{false, entry.rdev};
        break;
      case TarEntry::Type::block_device:
        node.content = DeviceNode{true, entry.rdev};
        break;
      case TarEntry::Type::symlink:
        node.content = symlink(entry);
        break;
      default:
        node.content.emplace<RegularFile>().size = entry.size;
        result.content = read_content(entry, result.path, *node.regular());
        if (recorder_ != nullptr && result.content) recorder_->add_content(*result.content);
    }
  }

  static Symlink symlink(const TarEntry& entry) {
    if (entry.link_target.size() > max_entry_link_size) throw bad("target of the symbolic link is too long");
    return {entry.link_target};
  }

  std::optional<ContentId> read_content(const TarEntry& entry, std::string_view path, RegularFile& file) {
    if (file.size > budget_.content_bytes) throw bad("files of more than 256 GiB together");
    budget_.content_bytes -= file.size;
    if (file_.file != nullptr && entry.data_offset != 0 && file.size > max_inline_size) {
      if (file_.size_bytes < entry.data_offset + file.size) {
        throw bad("archive is cut at offset " + std::to_string(file_.size_bytes));
      }
      return ingest_.add_range(file_.file, entry.data_offset, file.size, path);
    }
    std::optional<TarData> data = tar_.next_data();
    if (const auto digest = found_content(data, file.size, entry.data_offset)) {
      while (tar_.next_data()) {  // zeros, which stand for it
      }
      return ingest_.add_stored(*digest);
    }
    ContentSink sink(path, file, ingest_);
    for (; data; data = tar_.next_data()) {
      if (data->offset < sink.written()) throw bad("pieces of the sparse file overlap");
      fill_hole(sink, file, data->offset);
      sink.write(data->bytes);
    }
    fill_hole(sink, file, file.size);
    return sink.end();
  }

  /// The digest of a content that the repository has, where the layer comes from there.
  std::optional<Digest> found_content(const std::optional<TarData>& data, std::uint64_t size,
                                      std::uint64_t offset) const {
    if (known_ == nullptr || !data || size <= max_inline_size || offset == 0) return std::nullopt;
    return known_->content_at(offset, size);
  }

  void fill_hole(ContentSink& sink, const RegularFile& file, std::uint64_t end) {
    if (end > file.size) throw bad("file has more data than its size says");
    const std::uint64_t size = end - sink.written();
    if (size > budget_.hole_bytes) throw bad("sparse files with holes of more than 4 GiB together");
    budget_.hole_bytes -= size;
    sink.write_zeros(size);
  }

  TarReader tar_;
  BackingFile file_;  // of the archive, if contents may be read from there later
  WhiteoutRule whiteouts_;
  LayerBudget& budget_;
  Ingest& ingest_;
  LayerStream* recorder_;
  const KnownLayer* known_;
  MergedTree* lowest_;
};

}  // namespace

LayerBudget::LayerBudget(std::uint64_t entry_limit)
    : max_entries(entry_limit),
      entries(entry_limit),
      metadata_bytes(entry_limit * mean_metadata_size),
      content_bytes(max_total_size),
      hole_bytes(max_hole_size) {}

Layer read_layer(ChunkSource& stream, const std::string& name, WhiteoutRule whiteouts, LayerBudget& budget,
                 Ingest& ingest, LayerStream* recorder, const KnownLayer* known, MergedTree* lowest) {
  Layer layer;
  layer.name = name;
  LayerReader(stream, whiteouts, budget, ingest, recorder, known, lowest).read_all(layer);
  return layer;
}

}  // namespace sealroot
