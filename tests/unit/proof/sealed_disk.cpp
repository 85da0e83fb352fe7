// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "tests/unit/proof/sealed_disk.hpp"

#include "builder/embedded/embedded.hpp"
#include "builder/image/image.hpp"
#include "builder/initramfs/compress.hpp"
#include "builder/initramfs/cpio.hpp"
#include "builder/uki/authenticode.hpp"
#include "store/core/digest_text.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

namespace sealroot {
namespace {

/// One file for each object of the fixture.
Digest add_image(const Fixture& fixture) {
  Tree tree;
  for (std::size_t i = 0; i < fixture.digests.size(); ++i) {
    Node node;
    RegularFile file;
    file.size = fixture.contents[i].size();
    if (file.size > max_inline_size) {
      file.digest = fixture.digests[i];
    } else {
      file.inline_content = as_text(fixture.contents[i]);
    }
    node.content = file;
    const NodeId id = tree.add(std::move(node));
    tree[root_node].directory()->children.emplace("file" + std::to_string(i), id);
  }
  return fixture.repository.add_image(make_image(tree, ImageFormat::v1));
}

}  // namespace

SealedDisk::SealedDisk() : config{.digest = add_image(fixture), .cmdline = ""}, image(config.digest) {
  make_key(fixture.scratch, "db");
  make_key(fixture.scratch, "other");
  config.cmdline = "panic=10 composefs.digest=" + digest_token_value(image) + " --";
  parts = sample_parts();
  parts.cmdline = config.cmdline;
}

Bytes SealedDisk::uki() const {
  CpioWriter archive;
  archive.add_file("init", embedded_pivot(), 0755);
  UkiParts all = parts;
  all.initrd = compress_initramfs(archive.finish());
  const Bytes last = make_sealed_config_cpio(config, {});
  all.initrd.insert(all.initrd.end(), last.begin(), last.end());
  return assemble_uki(all);
}

Bytes SealedDisk::signed_by(const std::string& name, const Bytes& file) const {
  return sign_pe(file, Signer::load(fixture.scratch.directory(), name + ".key", name + ".crt"));
}

Certificate SealedDisk::certificate(const std::string& name) const {
  return Certificate::load(fixture.scratch.directory(), name + ".crt");
}

void SealedDisk::write(const std::string& name) {
  signed_uki_ = signed_by("db", uki());
  boot_loader_ = signed_by("db", read_file(working_directory(), "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"));
  DiskSpec spec = fixture.spec();
  spec.esp = {{"EFI/BOOT/BOOTX64.EFI", boot_loader_}, {"EFI/Linux/demo_1.efi", signed_uki_}};
  spec.esp.insert(spec.esp.end(), extra.begin(), extra.end());
  spec.root.image = image;
  layout = fixture.write(name, spec);
}

DiskProof SealedDisk::proof(const std::string& disk) const { return verify_disk(open(disk), certificate()); }

std::string text_of(const DiskProof& proof) {
  std::string text;
  for (const DiskFinding& finding : proof.findings) text += finding.where + ": " + finding.what + "\n";
  return text;
}

}  // namespace sealroot
