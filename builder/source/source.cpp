// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/source.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "builder/layer/file_chunks.hpp"
#include "builder/source/directory.hpp"
#include "builder/source/docker_archive.hpp"
#include "builder/source/layer_input.hpp"
#include "builder/source/oci_image.hpp"
#include "builder/source/registry_source.hpp"
#include "store/core/error.hpp"
#include "store/read_pieces.hpp"

namespace sealroot {

namespace {

struct TransportName {
  std::string_view name;
  Transport transport;
  bool has_tag;
};
constexpr std::array<TransportName, 6> transports{{
    {"docker", Transport::registry, false},
    {"oci", Transport::oci_layout, true},
    {"oci-archive", Transport::oci_archive, true},
    {"docker-archive", Transport::docker_archive, true},
    {"tar", Transport::tar, false},
    {"dir", Transport::directory, false},
}};
constexpr const char* usage_text =
    "known are docker://HOST/NAME[:TAG], oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], tar:FILE, "
    "tar:- and dir:DIR";

/// A few bytes that were read to see what the file is, in front of the rest of it.
class RewoundStream final : public ByteStream {
 public:
  explicit RewoundStream(ByteStream& source) : source_(source) { size_ = read_full(source, start_); }
  ByteView start() const { return ByteView(start_).first(size_); }
  std::size_t read(std::span<std::uint8_t> out) override {
    if (given_ == size_) return source_.read(out);
    const std::size_t count = std::min(out.size(), size_ - given_);
    std::copy_n(start_.begin() + static_cast<std::ptrdiff_t>(given_), count, out.begin());
    given_ += count;
    return count;
  }

 private:
  ByteStream& source_;
  std::array<std::uint8_t, 6> start_{};
  std::size_t size_ = 0;
  std::size_t given_ = 0;
};

Fd open_archive(const std::string& path) {
  if (path != "-") return open_at(working_directory(), path, O_RDONLY);
  Fd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!input) throw os_error("standard input");
  return input;
}

/// Of an uncompressed archive in a file, whose own digest nobody wants: contents are read by those who hash them.
SourceResult read_plain_tar(Fd file, std::uint64_t size_bytes, const std::string& name, const SourceOptions& options,
                            Ingest& ingest) {
  FileChunks chunks({std::make_shared<const Fd>(std::move(file)), size_bytes}, [&](std::uint64_t done) {
    if (options.progress) options.progress(done, size_bytes);
  });
  LayerBudget budget(options.max_entries);
  MergedTree merged;
  merged.apply(read_layer(chunks, name, WhiteoutRule::refuse, budget, ingest, nullptr, nullptr, &merged));
  return {std::move(merged).finish(ingest.finish()), {}};
}

bool is_plain_tar(const Fd& file, std::uint64_t size_bytes) {
  std::array<std::uint8_t, 6> start{};
  return size_bytes > 0 && detect_compression(ByteView(start).first(read_at(file, start, 0))) == Compression::none;
}

SourceResult read_tar(const std::string& path, const SourceOptions& options, Ingest& ingest) {
  Fd file = open_archive(path);
  const off_t end = path == "-" ? 0 : ::lseek(file.get(), 0, SEEK_END);
  if (end > 0) ::lseek(file.get(), 0, SEEK_SET);
  const std::uint64_t total = end > 0 ? static_cast<std::uint64_t>(end) : 0;
  const std::string layer_name = "archive " + quoted(path);
  if (!options.input_digests && is_plain_tar(file, total)) {
    return read_plain_tar(std::move(file), total, layer_name, options, ingest);
  }
  FileStream raw(std::move(file));
  RewoundStream start(raw);
  const Compression compression = detect_compression(start.start());
  std::optional<BlobHasher> hasher;  // of an uncompressed archive the diff ID is its digest: half of the work less
  if (options.input_digests && compression != Compression::none) hasher.emplace(Algorithm::sha256);
  std::uint64_t done = 0;
  TapStream input(start, [&](ByteView piece) {
    if (hasher) hasher->update(piece);
    done += piece.size();
  });
  LayerBudget budget(options.max_entries);
  const auto diff_id_algorithm = options.input_digests ? std::optional(Algorithm::sha256) : std::nullopt;
  const auto progress = [&](std::uint64_t) {
    if (options.progress) options.progress(done, total);
  };
  MergedTree merged;
  LayerInput layer = read_layer_input(input, compression, diff_id_algorithm, layer_name, WhiteoutRule::refuse, budget,
                                      ingest, progress, nullptr, &merged);
  merged.apply(std::move(layer.layer));
  SourceResult result{std::move(merged).finish(ingest.finish()), {}};
  if (!layer.diff_id) return result;
  result.info.archive_digest = hasher ? hasher->finish() : *layer.diff_id;
  result.info.layers.push_back({"application/x-tar", *result.info.archive_digest, done, *layer.diff_id});
  return result;
}

SourceResult read_host_directory(const std::string& path, const SourceOptions& options, Ingest& ingest) {
  MergedTree merged;
  const auto progress = [&](std::uint64_t done) {
    if (options.progress) options.progress(done, 0);
  };
  read_directory(path, merged, ingest, progress, {.max_entries = options.max_entries});
  return {std::move(merged).finish(ingest.finish()), {}};
}

template <typename Opened>
OpenContainer choose_in(std::unique_ptr<Opened> layout, const std::string& tag) {
  const Descriptor root = choose_tagged(*layout, tag);
  return {std::move(layout), root};
}

SourceResult read_container(const SourceName& name, const SourceOptions& options, Ingest& ingest) {
  const OpenContainer container = open_container(name, options.registry);
  ChosenManifest chosen = choose_manifest(*container.blobs, container.root, options.architecture);
  if (!options.copy) return read_oci_image(*container.blobs, std::move(chosen), options, ingest);
  const std::unique_ptr<BlobSource> copied = options.copy(*container.blobs, chosen);
  return read_oci_image(*copied, std::move(chosen), options, ingest);
}

SourceResult read_transport(const SourceName& name, const SourceOptions& options, Ingest& ingest) {
  if (is_container(name.transport)) return read_container(name, options, ingest);
  return name.transport == Transport::tar ? read_tar(name.path, options, ingest)
                                          : read_host_directory(name.path, options, ingest);
}

}  // namespace

bool has_transport(std::string_view text) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos &&
         std::any_of(transports.begin(), transports.end(),
                     [&](const TransportName& known) { return known.name == text.substr(0, colon); });
}

SourceName parse_source(std::string_view source) {
  const std::size_t colon = source.find(':');
  const std::string_view name = source.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view{} : source.substr(colon + 1);
  for (const TransportName& known : transports) {
    if (known.name != name || colon == std::string_view::npos) continue;
    const std::size_t tag = known.has_tag ? rest.find(':') : std::string_view::npos;
    SourceName result{known.transport, std::string(rest.substr(0, tag)),
                      tag == std::string_view::npos ? std::string{} : std::string(rest.substr(tag + 1))};
    if (result.path.empty()) throw Error(Fault::usage, "source " + quoted(source) + ": no path after the transport");
    if (result.transport == Transport::registry) check_registry_name(result.path);
    return result;
  }
  throw Error(Fault::usage, "source " + quoted(source) + ": unknown transport; " + usage_text);
}

bool is_container(Transport transport) { return transport != Transport::tar && transport != Transport::directory; }

OpenContainer open_container(const SourceName& name, const RegistryOptions& registry) {
  if (name.transport == Transport::registry) return open_registry_image(name.path, registry);
  if (name.transport == Transport::docker_archive) return open_docker_archive(name.path, name.tag);
  if (name.transport == Transport::oci_archive) return choose_in(open_layout_archive(name.path), name.tag);
  return choose_in(open_layout_directory(name.path), name.tag);
}

std::string_view transport_name(Transport transport) {
  for (const TransportName& known : transports) {
    if (known.transport == transport) return known.name;
  }
  return {};
}

std::string_view host_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__riscv)
  return "riscv64";
#else
#error "name this architecture as OCI does"
#endif
}

SourceResult read_source(const std::string& source, const SourceOptions& options, Ingest& ingest) {
  const SourceName name = parse_source(source);
  SourceOptions complete = options;
  if (complete.architecture.empty()) complete.architecture = host_architecture();
  return during("source " + quoted(source), [&] {
    SourceResult result = read_transport(name, complete, ingest);
    result.info.transport = transport_name(name.transport);
    result.info.reference = source.substr(source.find(':') + 1);
    return result;
  });
}

}  // namespace sealroot
