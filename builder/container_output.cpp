// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/container_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

SourceName parse_name(const std::string& text) {
  if (!has_transport(text)) return {Transport::oci_layout, text, ""};
  SourceName name = parse_source(text);
  if (name.transport == Transport::oci_layout || name.transport == Transport::oci_archive) return name;
  throw Error(Fault::usage,
              "container image " + quoted(text) + ": expected DIR, oci:DIR[:TAG] or oci-archive:FILE[:TAG]");
}

}  // namespace

ContainerOutput::ContainerOutput(const std::string& name) : ContainerOutput(parse_name(name)) {}

ContainerOutput::ContainerOutput(const SourceName& name)
    : name_(name), folder_(name.path), layout_(folder_.directory(), name.tag) {}

std::unique_ptr<BlobSource> ContainerOutput::copy(const BlobSource& blobs, const ChosenManifest& chosen,
                                                  const CopyProgress& progress) {
  source_ = chosen;
  copy_blobs(blobs, chosen.manifest, layout_, progress);
  return layout_.open();
}

void ContainerOutput::commit() {
  if (name_.transport == Transport::oci_layout) {
    folder_.commit();
    return;
  }
  constexpr const char* archive = "archive";
  during("archive " + quoted(name_.path), [&] {
    const Fd layout = open_at(folder_.directory(), ".", O_RDONLY | O_DIRECTORY);
    Fd file = open_at(folder_.directory(), archive, O_WRONLY | O_CREAT | O_EXCL, 0644);
    write_layout_archive(layout, file);
    if (::fsync(file.get()) < 0) throw os_error("syncing");
    const int renamed = ::renameat2(folder_.directory().get(), archive, AT_FDCWD, name_.path.c_str(), RENAME_NOREPLACE);
    if (renamed < 0) throw os_error("renaming");
  });
}

}  // namespace sealroot
