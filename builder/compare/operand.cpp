// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/compare/operand.hpp"

#include <sys/stat.h>

#include <array>

#include "builder/image/named_image.hpp"
#include "builder/registry/reference.hpp"
#include "builder/source/directory.hpp"
#include "builder/source/source.hpp"
#include "builder/tree/dumpfile.hpp"
#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {
namespace {

constexpr std::array<std::string_view, 3> form_names{"raw", "plain", "boot"};
constexpr DirectoryRules as_it_is{.hard_links = true, .one_file_system = false, .refuse_whiteouts = false};

bool is_directory(const std::string& name) {
  struct stat info {};
  return ::stat(name.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Operand read_directory_operand(const std::string& name, const OperandOptions& options) {
  Ingest ingest(nullptr, *options.algorithm, options.threads);
  keep_policy_files(ingest);
  MergedTree merged;
  read_directory(name, merged, ingest, {}, as_it_is);
  Tree tree = std::move(merged).finish(ingest.finish());
  return {"directory", std::move(tree), {}, {}, read_kept_files(ingest)};
}

Operand read_source_operand(const std::string& name, const OperandOptions& options) {
  Ingest ingest(nullptr, *options.algorithm, options.threads);
  keep_policy_files(ingest);
  Tree tree =
      read_source(name, {.architecture = options.architecture, .input_digests = false, .registry = options.registry},
                  ingest)
          .tree;
  const ContentReader read_file = read_kept_files(ingest);
  shape_tree(tree, options.form, options.xattrs);
  if (options.form == TreeForm::boot) label_tree(tree, options.labels, read_file);
  return {"source", std::move(tree), {}, {}, read_file};
}

/// Of an operand docker://; nullopt of any other.
std::optional<std::string> registry_host(const std::string& name) {
  if (!has_transport(name)) return std::nullopt;
  const SourceName source = parse_source(name);
  if (source.transport != Transport::registry) return std::nullopt;
  return parse_reference(std::string_view(source.path).substr(2)).host;
}

/// An image has no digest of its own before it is measured; it is as its objects are.
Algorithm image_algorithm(const ReadImage& image, const std::optional<Repository>& repository) {
  const std::optional<Algorithm> contents = content_algorithm(image.tree);
  if (contents) return *contents;
  return repository ? repository->algorithm() : Algorithm::sha512;
}

Operand read_file_operand(const std::string& name, const std::optional<Repository>& repository) {
  const ImageBytes file = read_named_bytes(name, repository);
  if (!file.bytes.empty() && file.bytes.front() == '/') {
    return {"dumpfile", parse_dumpfile(file.bytes, DumpfileRules::lenient), {}, {}};
  }
  if (!erofs::looks_like_image(file.bytes)) {
    throw Error(Fault::malformed, "neither an image nor a dumpfile; a tar is named as tar:FILE");
  }
  ReadImage image = read_image(file.bytes);
  const Digest digest = file.digest ? *file.digest : measure_bytes(image_algorithm(image, repository), file.bytes);
  return {"image", std::move(image.tree), digest, image.format};
}

}  // namespace

TreeForm parse_tree_form(std::string_view name) {
  for (std::size_t i = 0; i < form_names.size(); ++i) {
    if (form_names[i] == name) return static_cast<TreeForm>(i);
  }
  throw Error(Fault::usage, "form " + quoted(name) + ": expected raw, plain or boot");
}

std::string_view tree_form_name(TreeForm form) { return form_names[static_cast<std::size_t>(form)]; }

void shape_tree(Tree& tree, TreeForm form, XattrRule xattrs) {
  if (form == TreeForm::raw) return;
  if (form == TreeForm::boot) check_bootable_tree(tree);
  normalise_tree(tree, xattrs);
  if (form == TreeForm::boot) make_boot_form(tree);
}

bool is_measured(const std::string& name) { return has_transport(name) || is_directory(name); }

std::optional<Algorithm> content_algorithm(const Tree& tree) {
  for (const Node& node : tree.nodes) {
    if (node.regular() != nullptr && node.regular()->digest) return node.regular()->digest->algorithm();
  }
  return std::nullopt;
}

Operand read_operand(const std::string& name, const OperandOptions& options,
                     const std::optional<Repository>& repository) {
  if (has_transport(name)) return read_source_operand(name, options);
  return during(quoted(name), [&] {
    return is_directory(name) ? read_directory_operand(name, options) : read_file_operand(name, repository);
  });
}

OperandPair read_operands(const std::string& before, const std::string& after, const OperandOptions& options) {
  if (options.registry.creds && registry_host(before) && registry_host(after) &&
      registry_host(before) != registry_host(after)) {
    throw Error(Fault::usage, "--creds: for which of the two registries? Put both into a file for --authfile");
  }
  const std::optional<Repository> repository = open_store_to_read(options.repository);
  OperandOptions settled = options;
  std::optional<Operand> left;
  std::optional<Operand> right;
  if (!is_measured(before)) left = read_operand(before, settled, repository);
  if (!is_measured(after)) right = read_operand(after, settled, repository);
  if (!settled.algorithm && left) settled.algorithm = content_algorithm(left->tree);
  if (!settled.algorithm && right) settled.algorithm = content_algorithm(right->tree);
  if (!settled.algorithm) settled.algorithm = repository ? repository->algorithm() : Algorithm::sha512;
  if (!left) left = read_operand(before, settled, repository);
  if (!right) right = read_operand(after, settled, repository);
  return {std::move(*left), std::move(*right)};
}

}  // namespace sealroot
