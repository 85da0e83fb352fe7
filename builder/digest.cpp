// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/digest.hpp"

#include "builder/image/image.hpp"
#include "builder/labels/policy.hpp"
#include "store/core/error.hpp"
#include "store/ingest.hpp"

namespace sealroot {

namespace {

Repository open_or_create_store(const std::string& path, Algorithm algorithm) {
  if (try_open_at(working_directory(), path + "/meta.json", O_PATH)) return open_store(path, algorithm);
  return Repository::create(working_directory(), path, algorithm);
}

}  // namespace

Repository open_store(const std::string& path, Algorithm algorithm) {
  Repository repository = during("store " + quoted(path), [&] { return Repository::open(working_directory(), path); });
  if (repository.algorithm() == algorithm) return repository;
  const std::string name(algorithm_name(repository.algorithm()));
  throw Error(Fault::usage, "store " + quoted(path) + ": has " + name + " digests; give --digest " + name);
}

NormalisedSource read_normalised(const TreeOptions& options, const ObjectStore* store, const ReadProgress& progress) {
  Ingest ingest(store, options.algorithm, options.threads);
  if (store == nullptr) keep_policy_files(ingest);
  SourceResult result = read_source(options.source,
                                    {.architecture = options.architecture,
                                     .max_entries = options.max_entries,
                                     .progress = progress,
                                     .record_layer = options.record_layer,
                                     .input_digests = options.input_digests,
                                     .registry = options.registry,
                                     .known = options.known,
                                     .copy = options.copy},
                                    ingest);
  std::string& architecture = result.info.config.architecture;
  if (architecture.empty()) architecture = options.architecture;  // a tar or directory does not say
  if (architecture.empty()) architecture = host_architecture();
  normalise_tree(result.tree, options.xattrs);
  check_denied(result.tree, options.deny);
  const ContentReader from_store = [store](const RegularFile& file) { return store->read(*file.digest); };
  return {std::move(result), store != nullptr ? from_store : read_kept_files(ingest)};
}

std::optional<std::string> make_boot_tree(NormalisedSource& source, LabelMode labels) {
  make_boot_form(source.tree);
  return label_tree(source.tree, labels, source.read_file);
}

DigestResult digest_source(const DigestOptions& options, const ReadProgress& progress) {
  std::optional<Repository> repository;
  if (options.store) repository.emplace(open_or_create_store(*options.store, options.tree.algorithm));
  if (repository) repository->objects().pass_page_cache();
  TreeOptions tree = options.tree;
  if (repository) tree.known.repository = &*repository;
  NormalisedSource source = read_normalised(tree, repository ? &repository->objects() : nullptr, progress);
  std::optional<std::string> policy;
  if (options.boot_form) {
    check_bootable_tree(source.tree);
    policy = make_boot_tree(source, options.tree.labels);
  }
  const PlannedImage image(source.tree, ImageFormat::v1);
  const Digest digest = repository ? add_image(*repository, image) : image.measure(options.tree.algorithm);
  return {digest, image.size_bytes(), std::move(policy), std::move(source.info)};
}

}  // namespace sealroot
