// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/build.hpp"

#include <string_view>

#include "builder/boot/boot_parts.hpp"
#include "builder/boot/state_tree.hpp"
#include "builder/boot/tree_files.hpp"
#include "builder/container/sealed_container.hpp"
#include "builder/container_output.hpp"
#include "builder/container_streams.hpp"
#include "builder/digest.hpp"
#include "builder/disk/disk.hpp"
#include "builder/embedded/embedded.hpp"
#include "builder/image/image.hpp"
#include "builder/initramfs/compress.hpp"
#include "builder/initramfs/minimal.hpp"
#include "builder/initramfs/sealed_config.hpp"
#include "builder/output.hpp"
#include "builder/profile.hpp"
#include "builder/record.hpp"
#include "builder/release.hpp"
#include "builder/system_disk.hpp"
#include "builder/tree/normalise.hpp"
#include "builder/uki/assemble.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/repository.hpp"

namespace sealroot {

namespace {

/// Files of the build host by the option or profile key that named them.
using NamedFiles = std::vector<std::pair<std::string, Bytes>>;

/// What the tree gives to its own boot; collected before the boot form empties /boot.
struct BootParts {
  FoundKernel kernel;
  BootFile stub;
  BootFile boot_loader;
  Release release;
  NamedFiles initrd_files;
  Bytes pivot;
  Bytes initrd;  // all of it but the sealed configuration, which names the image's digest
};

Repository open_repository(const BuildOptions& options, const OutputFolder& output) {
  if (!options.store) return Repository::create(output.directory(), "composefs", options.algorithm);
  return open_store(*options.store, options.algorithm);
}

/// What --oci-out asks for; only a container image can become another one.
std::optional<ContainerOutput> open_container_output(const BuildOptions& options) {
  if (!options.container) return std::nullopt;
  if (!is_container(parse_source(options.source).transport)) {
    throw Error(Fault::usage, "--oci-out: SOURCE " + quoted(options.source) +
                                  " is not a container image; make it one first: podman import FILE.tar NAME, then "
                                  "skopeo copy containers-storage:NAME oci:DIR");
  }
  return std::optional<ContainerOutput>(std::in_place, *options.container);
}

NormalisedSource read_tree(const BuildOptions& options, const Repository& repository,
                           std::optional<ContainerOutput>& container, const BuildProgress& progress) {
  const auto copy = [&](const BlobSource& blobs, const ChosenManifest& chosen) {
    return container->copy(blobs, chosen, [&](std::uint64_t done, std::uint64_t total) {
      progress("copying " + options.source, done, total);
    });
  };
  return read_normalised({.source = options.source,
                          .algorithm = options.algorithm,
                          .architecture = options.architecture,
                          .xattrs = options.xattrs,
                          .labels = options.labels,
                          .deny = options.deny,
                          .threads = options.threads,
                          .max_entries = options.max_entries,
                          .record_layer = options.streams ? layers_missing_in(repository) : nullptr,
                          .registry = options.registry,
                          .known = {.repository = &repository},
                          .copy = container ? decltype(TreeOptions::copy)(copy) : nullptr},
                         &repository.objects(), [&](std::uint64_t done, std::uint64_t total) {
                           progress("reading " + options.source, done, total);
                         });
}

/// The modules of one kernel; an image without merged /usr has them in /lib.
KernelModules modules_of(const TreeFiles& files, const std::string& version) {
  const std::string usual = "/usr/lib/modules/" + version;
  const std::string folder = files.try_resolve(usual) ? usual : "/lib/modules/" + version;
  return {version,
          [&files, folder](std::string_view path) { return files.try_read(folder + "/" + std::string(path)); }};
}

/// Compressed if the kernel's own configuration says that it can unpack that.
Bytes minimal_initramfs(const TreeFiles& files, const std::string& version, ByteView pivot) {
  const KernelModules modules = modules_of(files, version);
  Bytes archive = make_minimal_initramfs(modules, pivot);
  auto config = modules.read("config");
  if (!config) config = files.try_read("/boot/config-" + version);
  return config && unpacks_zstd(as_text(*config)) ? compress_initramfs(archive) : archive;
}

NamedFiles read_initrd_files(const BuildOptions& options, const UkiTemplate& uki) {
  NamedFiles files;
  for (const std::string& path : uki.initrd_paths) files.emplace_back("Initrd", read_file(working_directory(), path));
  if (options.initrd != "minimal" && options.initrd != "image") {
    files.emplace_back("--initrd", read_file(working_directory(), options.initrd));
  }
  return files;
}

Bytes make_initrd(const BuildOptions& options, const TreeFiles& files, const NamedFiles& initrd_files,
                  const std::string& kernel_version, ByteView pivot) {
  Bytes initrd;
  const auto append = [&initrd](ByteView archive) {
    initrd.resize(round_up(initrd.size(), 4));  // the kernel looks for the next archive there
    initrd.insert(initrd.end(), archive.begin(), archive.end());
  };
  for (const auto& [name, content] : initrd_files) append(content);
  if (options.initrd == "minimal") append(minimal_initramfs(files, kernel_version, pivot));
  if (options.initrd == "image") append(find_initramfs(files, kernel_version).content);
  initrd.resize(round_up(initrd.size(), 4));
  return initrd;
}

/// The program that checks the root: without one for the image's architecture nothing can be sealed.
Bytes pivot_for(const BuildOptions& options, const std::string& architecture) {
  if (options.pivot) {
    Bytes program = read_file(working_directory(), *options.pivot);
    if (elf_architecture(program) != architecture) {
      throw Error(Fault::usage, "--pivot " + quoted(*options.pivot) + ": not a program for " + architecture);
    }
    return program;
  }
  if (architecture != embedded_architecture()) {
    throw Error(Fault::usage, "architecture " + quoted(architecture) + ": this program's pivot is for " +
                                  std::string(embedded_architecture()) +
                                  "; give one built for that architecture with --pivot FILE");
  }
  const ByteView pivot = embedded_pivot();
  return {pivot.begin(), pivot.end()};
}

BootParts collect_boot_parts(const BuildOptions& options, const Profile& profile, const SourceResult& source,
                             const ObjectStore& store) {
  const TreeFiles files(source.tree, store);
  const std::string suffix = efi_suffix(source.info.config.architecture);
  if (profile.uki.efi_arch.value_or(suffix) != suffix) {
    throw Error(Fault::usage, "EFIArch=" + *profile.uki.efi_arch + " in the profile: the image is for " + suffix);
  }
  const auto host_file = [](const std::string& path) {
    return BootFile{"host:" + path, read_file(working_directory(), path)};
  };
  BootParts parts;
  parts.kernel = find_kernel(files, options.kernel.empty() ? profile.uki.linux_path.value_or("") : options.kernel);
  parts.stub = profile.uki.stub_path ? host_file(*profile.uki.stub_path) : find_stub(files, suffix);
  if (options.disk) parts.boot_loader = find_boot_loader(files, suffix);
  parts.release = make_release(options, profile.uki, source, files);
  parts.initrd_files = read_initrd_files(options, profile.uki);
  parts.pivot = pivot_for(options, source.info.config.architecture);
  parts.initrd = make_initrd(options, files, parts.initrd_files, parts.kernel.version, parts.pivot);
  return parts;
}

/// Whether one of its tokens is `key=VALUE`.
bool names(const std::string& cmdline, std::string_view key) {
  return (" " + cmdline).find(" " + std::string(key) + "=") != std::string::npos;
}

/// The command line to sign. Unless it says otherwise, systemd takes no credentials from the ESP, SMBIOS or fw_cfg:
/// nobody signs them, and units, mounts and accounts are made of them. It ends with `--`, behind which the kernel takes
/// nothing for itself: whoever can append to the line (SMBIOS, boot-chain.md section 3) could otherwise lead the kernel
/// past the initramfs and so past the pivot with `rdinit=/nowhere root=DISK`.
std::string join_cmdline(const BuildOptions& options, const std::string& cmdline, const Digest& image) {
  std::string line;
  const auto add = [&line](const std::string& token) { line += token + " "; };
  if (!cmdline.empty()) add(cmdline);
  if (!names(cmdline, "systemd.import_credentials")) add("systemd.import_credentials=no");
  if (options.initrd != "minimal") {
    // What the minimal initramfs finds out by itself: the first program, the root partition, and that state is written.
    const std::string padded = " " + cmdline + " ";
    add("rdinit=" + std::string(handover_pivot_path));
    if (!names(cmdline, "root")) add("root=PARTLABEL=root");
    if (padded.find(" ro ") == std::string::npos && padded.find(" rw ") == std::string::npos) add("rw");
  }
  return line + "composefs.digest=" + digest_token_value(image) + " --";
}

/// What keeps gc off the image, below images/refs.
std::string image_ref(const Release& release) { return "sealroot/" + release.image_id + "/" + release.image_version; }

SealedConfig make_sealed_config(const BuildOptions& options, const std::string& cmdline, const Digest& image) {
  return {.digest = image,
          .cmdline = cmdline,
          .allow = options.allow,
          .etc = options.etc,
          .var = options.var,
          .on_failure = options.on_failure,
          .handover = options.initrd == "minimal" ? "none" : "/init",
          .unsealed = options.unsealed};
}

/// Signs, and checks what came out with the certificate alone, as the firmware will.
Bytes sign_and_verify(Bytes file, const std::optional<Signer>& signer) {
  if (!signer || file.empty()) return file;
  Bytes signed_file = sign_pe(std::move(file), *signer);
  verify_pe(signed_file, signer->certificate());
  return signed_file;
}

UkiParts make_uki_parts(const BuildOptions& options, const Profile& profile, const BootParts& parts,
                        const Digest& image) {
  UkiParts uki;
  uki.stub = parts.stub.content;
  uki.kernel = profile.uki.sign_kernel.value_or(false) ? sign_and_verify(parts.kernel.file.content, profile.signer)
                                                       : parts.kernel.file.content;
  uki.cmdline = join_cmdline(options, profile.cmdline, image);
  uki.initrd = parts.initrd;
  const Bytes config = make_sealed_config_cpio(make_sealed_config(options, uki.cmdline, image), parts.pivot);
  uki.initrd.insert(uki.initrd.end(), config.begin(), config.end());
  uki.os_release = parts.release.text;
  uki.uname = profile.uki.uname.value_or(parts.kernel.version);
  if (profile.uki.sbat) uki.sbat = resolve_text(working_directory(), *profile.uki.sbat);
  const auto file = [](const std::optional<std::string>& path) -> std::optional<Bytes> {
    if (!path) return std::nullopt;
    return read_file(working_directory(), *path);
  };
  uki.splash = file(profile.uki.splash_path);
  uki.dtb = file(profile.uki.device_tree_path);
  uki.pcrpkey = file(profile.uki.pcr_public_key_path);
  // As ukify: the key that can stand for all.
  if (!uki.pcrpkey && profile.pcr_signers.size() == 1) uki.pcrpkey = public_key_pem(profile.pcr_signers.front());
  for (const std::string& path : profile.uki.microcode_paths) {
    const Bytes microcode = read_file(working_directory(), path);
    if (!uki.ucode) uki.ucode.emplace();
    uki.ucode->insert(uki.ucode->end(), microcode.begin(), microcode.end());
  }
  return uki;
}

/// What keeps the streams of the container image, below streams/refs/oci.
std::string container_tag(const BuildOptions& options, const Release& release) {
  return options.tag.value_or(release.image_id + ":" + release.image_version);
}

/// The image of the tree as containers use it; nullopt if no streams are there to refer to it. The boot form is made
/// of the same tree later.
std::optional<Digest> add_container_image(const Repository& repository, const SourceResult& source) {
  if (!source.streams || !source.streams->unrecorded.empty()) return std::nullopt;
  return add_image(repository, PlannedImage(source.tree, ImageFormat::v1));
}

/// The names that composefs-rs has for the images of a container image in format V1. It labels as `automatic` does.
NamedRefs image_names(const BuildOptions& options, const Digest& container, const Digest& boot) {
  NamedRefs names{{"composefs.image.v1", container}};
  if (options.labels != LabelMode::automatic) return names;
  std::string name = "composefs.image.boot.v1";
  if (options.xattrs != XattrRule::allowlist_only) name.append(".xattrs=").append(xattr_rule_name(options.xattrs));
  names.emplace_back(name, boot);
  return names;
}

/// The UKI with .pcrsig, if there are keys for it: that signs what all the other sections make of PCR 11.
Bytes assemble_with_pcr_signatures(UkiParts& parts, const Profile& profile) {
  Bytes uki = assemble_uki(parts);
  if (profile.pcr_signers.empty()) return uki;
  const std::string text = make_pcr_signatures(PeFile::parse(uki), profile.pcr_signers, profile.pcr_banks);
  parts.pcrsig.emplace(text.begin(), text.end());
  return assemble_uki(parts);
}

SealedContainer write_sealed_container(ContainerOutput& output, const std::string& uki_layer, const Digest& image,
                                       const Release& release) {
  const ChosenManifest& source = output.source();
  const Bytes config = read_document(*output.layout().open(), source.manifest.config);
  return put_sealed_container({.manifest = source.document,
                               .config = config,
                               .layer = uki_layer,
                               .image = image,
                               .version = release.image_version,
                               .timestamp = release.timestamp},
                              output.layout());
}

/// What has been made when the disk is to be written.
struct Sealed {
  Digest image;
  Tree state;                   // what the writable part of the disk begins with
  std::vector<Digest> objects;  // all that the image refers to
  std::string uki_name;
  Bytes uki;
  Bytes boot_loader;
};

DiskLayout make_disk(const BuildOptions& options, const Repository& repository, const BootParts& parts,
                     const Sealed& sealed, const std::string& suffix, const Fd& file, const BuildProgress& progress) {
  DiskSpec spec{.esp = system_esp_files(sealed.uki_name, sealed.uki, sealed.boot_loader, suffix),
                .root = {.store = repository.objects(),
                         .objects = sealed.objects,
                         .image = sealed.image,
                         .repository_meta = read_file(repository.directory(), "meta.json"),
                         .image_ref = image_ref(parts.release),
                         .state = &sealed.state}};
  spec.root_type = root_type_of(suffix);
  spec.size_bytes = options.disk_size;
  spec.timestamp = parts.release.timestamp;
  spec.threads = options.threads;
  return during("disk.raw", [&] {
    return write_disk(spec, file,
                      [&](std::uint64_t done, std::uint64_t total) { progress("writing disk.raw", done, total); });
  });
}

}  // namespace

nlohmann::ordered_json build_image(const BuildOptions& options, const BuildProgress& progress) {
  const Profile profile = load_profile(options);
  OutputFolder output(options.output);
  std::optional<ContainerOutput> container = open_container_output(options);
  const Repository repository = open_repository(options, output);

  if (!options.disk && !container) repository.objects().pass_page_cache();  // nobody reads them again here

  // Source -> tree; from here on every file content is an object.
  progress("reading " + options.source, 0, 0);
  NormalisedSource source = read_tree(options, repository, container, progress);
  const std::string suffix = efi_suffix(source.info.config.architecture);

  progress("collecting kernel, modules and boot loader", 0, 0);
  check_bootable_tree(source.tree);
  const BootParts parts = collect_boot_parts(options, profile, source, repository.objects());

  // Tree -> image; from here on the digest is fixed.
  progress("writing the image", 0, 0);
  const std::optional<Digest> container_image = add_container_image(repository, source);
  const UkiLayer uki_layer(source.tree);  // before the boot form empties /boot
  const std::optional<std::string> policy = make_boot_tree(source, options.labels);
  const Digest image = add_image(repository, PlannedImage(source.tree, ImageFormat::v1));

  progress("assembling and signing the UKI", 0, 0);
  UkiParts uki_parts = make_uki_parts(options, profile, parts, image);
  const Sealed sealed{.image = image,
                      .state = make_state_tree(source.tree, image, options.etc),
                      .objects = objects_of(source.tree),
                      .uki_name = parts.release.image_id + "_" + parts.release.image_version + ".efi",
                      .uki = sign_and_verify(assemble_with_pcr_signatures(uki_parts, profile), profile.signer),
                      .boot_loader = sign_and_verify(parts.boot_loader.content, profile.signer)};
  write_new_file(output.directory(), sealed.uki_name, sealed.uki);

  BuildRecord record(options, source.info, parts.release, parts.kernel);
  if (names_file(options.uki_config)) record.add_input("--uki-config", as_bytes(profile.text));
  if (options.pivot) record.add_input("--pivot", parts.pivot);
  for (const auto& [name, content] : parts.initrd_files) record.add_input(name, content);
  record.add_image(image, repository.objects().usage(image).size_bytes, policy);
  record.add_objects(output.directory(), repository.objects(), sealed.objects);
  record.add_uki(sealed.uki_name, sealed.uki, uki_parts, parts.kernel, parts.stub, profile);

  if (options.disk) {
    progress("writing disk.raw", 0, 0);
    const Fd file = open_at(output.directory(), "disk.raw", O_RDWR | O_CREAT | O_EXCL, 0644);
    const DiskLayout layout = make_disk(options, repository, parts, sealed, suffix, file, progress);
    progress("measuring disk.raw", 0, 0);
    record.add_disk("disk.raw", file, layout, parts.boot_loader);
  }
  if (container) {
    progress("writing the container image", 0, 0);
    const std::string layer = uki_layer.with(sealed.uki_name, sealed.uki, parts.release.timestamp);
    record.add_sealed_container(write_sealed_container(*container, layer, image, parts.release));
  }
  if (container_image) {
    const std::string tag = container_tag(options, parts.release);
    add_container_streams(repository, source, image_names(options, *container_image, image), tag);
    record.add_container(tag);
  } else if (source.streams) {
    record.add_unrecorded_container(source.streams->unrecorded);
  }
  repository.set_image_ref(image_ref(parts.release), image);
  write_new_file(output.directory(), "build.json", as_bytes(record.json().dump(2) + "\n"));
  progress("syncing", 0, 0);
  if (container) container->commit();
  output.commit();
  return record.json();
}

}  // namespace sealroot
