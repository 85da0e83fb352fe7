// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/install/install.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "builder/boot/boot_parts.hpp"
#include "builder/boot/state_tree.hpp"
#include "builder/release.hpp"
#include "builder/system_disk.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/verify/verify_disk.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/temporary_name.hpp"
#include "upgrade/collect.hpp"
#include "upgrade/host/trust.hpp"
#include "upgrade/install/block_device.hpp"
#include "upgrade/stage/write_tree.hpp"

namespace sealroot {
namespace {

constexpr const char* loader_folder = "/usr/lib/systemd/boot/efi/systemd-boot";

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Holds the repository and the unfinished disk; goes with all that is in it.
class Workshop {
 public:
  explicit Workshop(const std::string& parent)
      : parent_(open_at(working_directory(), parent, O_RDONLY | O_DIRECTORY)), name_(temporary_name()) {
    if (::mkdirat(parent_.get(), name_.c_str(), 0700) < 0) throw os_error("creating a folder in " + quoted(parent));
    directory_ = open_beneath(parent_, name_, O_RDONLY | O_DIRECTORY);
  }
  ~Workshop() {
    try {
      remove_tree(parent_, name_);
    } catch (const Error&) {  // temporary files that stay harm nobody
    }
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  const Fd& directory() const { return directory_; }

 private:
  Fd parent_;
  std::string name_;
  Fd directory_;
};

std::string workshop_parent(const InstallOptions& options) {
  if (!options.workshop.empty()) return options.workshop;
  if (!options.image.empty()) return folder_of(options.image);
  const char* const temporary = std::getenv("TMPDIR");
  return temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp";
}

/// The one that a signing tool put beside the unsigned one goes first, as for bootctl(1).
BootFile find_signed_loader(const InstallOptions& options, const TreeFiles& files, const std::string& suffix) {
  if (options.boot_loader) return {*options.boot_loader, read_file(working_directory(), *options.boot_loader)};
  const std::string path = loader_folder + suffix + ".efi";
  for (const std::string& each : {path + ".signed", path}) {
    if (auto content = files.try_read(each)) return {"image:" + each, std::move(*content)};
  }
  throw Error(Fault::missing,
              "no boot loader: the image has no " + quoted(path) + "; name one with --boot-loader FILE");
}

void verify_loader(const BootFile& loader, const std::vector<Certificate>& trusted) {
  during("boot loader " + quoted(loader.origin), [&] {
    try {
      verify_pe(loader.content, trusted.front());
    } catch (const Error& error) {
      throw Error(error.fault(), std::string(error.what()) +
                                     ": sign it with the key of the UKI (sbsign, or `sealroot uki attach`) and put it "
                                     "into the image as .efi.signed, or name it with --boot-loader FILE");
    }
  });
}

/// What the host remembers from its first day on, so that `upgrade` knows where to look.
void add_record(Tree& state, const ObjectStore& store, const Origin& origin, const Candidate& candidate) {
  DeploymentRecord record = record_of(origin, candidate);
  record.staged_at.clear();  // the same source gives the same disk
  const std::string text = record_text(record);
  Node file;
  file.metadata.permissions = 0600;
  RegularFile content;
  content.size = text.size();
  content.digest = store.put(as_bytes(text));
  file.content = std::move(content);
  NodeId parent = *find(state, "state");
  for (const char* const name : {"sealroot", "deploy"}) {
    state.nodes.emplace_back();
    const auto folder = static_cast<NodeId>(state.nodes.size() - 1);
    state[folder].metadata.permissions = 0700;
    state[parent].directory()->children.emplace(name, folder);
    parent = folder;
  }
  const NodeId added = state.add(std::move(file));
  state[parent].directory()->children.emplace(to_hex(candidate.digest) + ".json", added);
}

bool pins(const Candidate& candidate, const Repository& repository, const std::vector<Certificate>& trusted) {
  for (const Certificate& pinned : pinned_certificates(repository, candidate.digest)) {
    if (pinned.der() == trusted.front().der()) return true;
  }
  return false;
}

class Installation {
 public:
  Installation(const InstallOptions& options, const StageProgress& progress)
      : options_(options),
        progress_(progress),
        trusted_(Certificate::load_all(working_directory(), options.certificate)),
        workshop_(workshop_parent(options)),
        repository_(Repository::create(workshop_.directory(), "composefs", options.algorithm)) {}

  InstallResult run() {
    const Candidate candidate = read_candidate(options_.origin, options_.read, repository_, trusted_, progress_);
    const std::string suffix = efi_suffix(candidate.source.info.config.architecture);
    const TreeFiles files(candidate.source.tree, repository_.objects());
    const BootFile loader = find_signed_loader(options_, files, suffix);
    verify_loader(loader, trusted_);
    store_candidate(repository_, candidate);
    InstallResult result{.image = candidate.digest,
                         .image_id = candidate.uki.facts.image_id,
                         .version = candidate.uki.facts.version,
                         .boot_loader = loader.origin,
                         .pinned = pins(candidate, repository_, trusted_),
                         .checks = check_uki(read_pe_facts(PeFile::parse(candidate.uki.file)), "UKI")};
    std::optional<BlockDevice> device;
    if (!options_.device.empty()) device.emplace(open_block_device(options_.device, options_.wipe));
    if (options_.check_only) return result;
    const Fd disk = open_at(workshop_.directory(), "disk.raw", O_RDWR | O_CREAT | O_EXCL, 0644);
    result.layout = write(candidate, loader, suffix, device ? device->size_bytes : options_.size_bytes, disk);
    prove(disk);
    if (device) {
      copy(disk, *device);
    } else {
      publish(disk);
    }
    return result;
  }

 private:
  DiskLayout write(const Candidate& candidate, const BootFile& loader, const std::string& suffix, std::uint64_t size,
                   const Fd& disk) {
    const UkiFacts& uki = candidate.uki.facts;
    const std::string name = entry_file_name({entry_base_name(uki.image_id, uki.version, candidate.digest)});
    Tree state = make_state_tree(candidate.source.tree, candidate.digest, uki.config->etc);
    add_record(state, repository_.objects(), options_.origin, candidate);
    DiskSpec spec{.esp = system_esp_files(name, candidate.uki.file, loader.content, suffix),
                  .root = {.store = repository_.objects(),
                           .objects = objects_of(candidate.source.tree),
                           .image = candidate.digest,
                           .repository_meta = read_file(repository_.directory(), "meta.json"),
                           .image_ref = deployment_ref(candidate.digest),
                           .state = &state}};
    add_streams(repository_, spec.root);  // so that the first upgrade fetches no layer that this image has
    spec.root_type = root_type_of(suffix);
    spec.size_bytes = size;
    spec.threads = options_.read.threads;
    const auto& created = candidate.source.info.config.created;
    if (created) spec.timestamp = std::max<std::int64_t>(try_parse_rfc3339(*created).value_or(0), 0);
    progress_("writing the disk", 0, 0);
    return during("disk", [&] {
      return write_disk(spec, disk,
                        [&](std::uint64_t done, std::uint64_t total) { progress_("writing the disk", done, total); });
    });
  }

  /// The same proof that anybody can ask for: verify DISK --cert.
  void prove(const Fd& disk) const {
    progress_("proving the disk", 0, 0);
    const DiskProof proof =
        verify_disk(disk, trusted_.front(), [&](std::uint64_t done) { progress_("proving the disk", done, 0); });
    if (proof.findings.empty()) return;
    throw Error(Fault::untrusted,
                "the disk is not proven: " + proof.findings.front().where + ": " + proof.findings.front().what);
  }

  void publish(const Fd& disk) const {
    if (::fsync(disk.get()) < 0) throw os_error("syncing the disk image");
    if (::renameat2(workshop_.directory().get(), "disk.raw", AT_FDCWD, options_.image.c_str(), RENAME_NOREPLACE) < 0) {
      if (errno == EEXIST) throw Error(Fault::usage, "image " + quoted(options_.image) + " is there already");
      throw os_error("renaming the disk image to " + quoted(options_.image));
    }
    const Fd folder = open_at(working_directory(), folder_of(options_.image), O_RDONLY | O_DIRECTORY);
    if (::fsync(folder.get()) < 0) throw os_error("syncing the folder of " + quoted(options_.image));
  }

  void copy(const Fd& disk, const BlockDevice& device) const {
    const std::string phase = "writing " + options_.device;
    during("disk " + quoted(options_.device), [&] {
      copy_to_device(disk, device, [&](std::uint64_t done) { progress_(phase, done, device.size_bytes); });
    });
  }

  const InstallOptions& options_;
  const StageProgress& progress_;
  std::vector<Certificate> trusted_;
  Workshop workshop_;
  Repository repository_;
};

void check_options(const InstallOptions& options) {
  if (options.certificate.empty()) throw Error(Fault::usage, "nothing is believed without a certificate: give --cert");
  if (options.image.empty() == options.device.empty()) {
    throw Error(Fault::usage, "name what to make: --image FILE or --disk DEVICE");
  }
  if (!options.image.empty() && try_open_at(working_directory(), options.image, O_PATH | O_NOFOLLOW)) {
    throw Error(Fault::usage, "image " + quoted(options.image) + " is there already");
  }
}

}  // namespace

InstallResult install(const InstallOptions& options, const StageProgress& progress) {
  check_options(options);
  return Installation(options, progress).run();
}

}  // namespace sealroot
