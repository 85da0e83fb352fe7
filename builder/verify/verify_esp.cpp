// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/verify/verify_esp.hpp"

#include <algorithm>
#include <array>
#include <ranges>

#include "builder/disk/esp.hpp"
#include "builder/embedded/embedded.hpp"
#include "builder/inspect/inspect.hpp"
#include "builder/inspect/pe_facts.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/uki/signature_list.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

struct Addon {
  std::string path;
  PeFacts facts;
};

class EspVerifier {
 public:
  EspVerifier(const FatReader& reader, const std::string& label, const Certificate& trusted, DiskProof& proof)
      : reader_(reader), label_(label), trusted_(trusted), proof_(proof) {}

  std::vector<SealedUki> verify() {
    for (const FatFile& file : reader_.files()) {
      try {
        check_file(file);
      } catch (const Error& error) {
        find(file.path, error.what());
      }
    }
    for (const Addon& addon : addons_) check_addon(addon);
    return std::move(ukis_);
  }

 private:
  void find(const std::string& path, const std::string& what) {
    proof_.findings.push_back({label_ + ": " + quoted(path), what});
  }

  void check_file(const FatFile& file) {
    const std::string path = fold_case(file.path);
    const Bytes content = reader_.read(file, max_boot_file_bytes);
    // By its content: firmware starts a program whatever its name is.
    if (as_text(content).starts_with("MZ")) return check_program(file.path, content);
    if (path.ends_with(".efi")) return find(file.path, "not a program, but called one");
    if (path.ends_with(".cred")) return find(file.path, "a credential: nobody signs them, and services believe them");
    if (path.ends_with(".raw") || path.ends_with(".dtb")) return find(file.path, "an extension that the stub hands on");
    if (path.starts_with("loader/entries/")) return find(file.path, "a boot entry that is not a UKI: nobody signed it");
    if (path.starts_with("loader/addons/") || path.find(".extra.d/") != std::string::npos) {
      return find(file.path, "beside the addons, and no addon");
    }
    if (path.starts_with("loader/keys/")) check_keys(file.path, path, content);
  }

  /// In setup mode systemd-boot makes these the keys that decide what boots.
  void check_keys(const std::string& name, const std::string& path, ByteView content) {
    if (!path.ends_with(".auth")) return;
    for (const Certificate& certificate : parse_authenticated_lists(content).certificates) {
      if (certificate.der() == trusted_.der()) continue;
      find(name, "enrols another certificate in setup mode: " + certificate.subject());
    }
  }

  void check_program(const std::string& path, ByteView content) {
    verify_pe(content, trusted_);
    ++proof_.program_count;
    const PeFile file = PeFile::parse(content);
    PeFacts facts = read_pe_facts(file);
    switch (facts.kind) {
      case PeKind::uki:
        return check_uki(path, file, facts);
      case PeKind::addon:
        return addons_.push_back({path, std::move(facts)});
      case PeKind::boot_loader:
        return;
      case PeKind::other:
        return find(path, "signed, but neither a sealed UKI nor systemd-boot: nothing says what it boots");
    }
  }

  void check_uki(const std::string& path, const PeFile& file, const PeFacts& facts) {
    if (facts.defect) return find(path, "signed, but not sealed: " + *facts.defect);
    if (file.find_section(".profile") != nullptr) find(path, "has profiles, which are not looked into");
    if (facts.initramfs.pivot_path == "init" &&
        !std::ranges::equal(ByteView(facts.initramfs.pivot), embedded_pivot())) {
      proof_.uncovered.push_back("the pivot in " + quoted(path) + ", which is not the one of this version of sealroot");
    }
    if (facts.initramfs.pivot_path != "init") {
      proof_.uncovered.push_back("the initramfs in " + quoted(path) + ", whose other programs run before the pivot");
    }
    if (kernel_is_signed(file)) {
      find(path, "the kernel inside is signed on its own: taken out, it boots with any initramfs");
    }
    const SealedConfig& config = *facts.initramfs.config;
    for (const std::string& token : config.allow) {
      proof_.uncovered.push_back("command line tokens " + quoted(token) + ", which anybody may append (" +
                                 quoted(path) + " allows it)");
    }
    if (takes_credentials(config.cmdline)) {
      proof_.uncovered.push_back("credentials of the ESP, SMBIOS and fw_cfg, which systemd takes from anybody: " +
                                 quoted(path) + " has no systemd.import_credentials=no");
    }
    ukis_.push_back({path, config});
  }

  /// Of several tokens systemd takes the last.
  static bool takes_credentials(const std::string& cmdline) {
    bool takes = true;
    for (const std::string& token : split_command_line(cmdline)) {
      if (token.starts_with("systemd.import_credentials")) takes = token != "systemd.import_credentials=no";
    }
    return takes;
  }

  bool kernel_is_signed(const PeFile& file) const {
    try {
      verify_pe(file.find_content(".linux").value_or(ByteView{}), trusted_);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  static bool is_allowed(const std::string& token, const SealedConfig& config) {
    return std::ranges::any_of(config.allow, [&](const std::string& pattern) {
      return token == pattern || (pattern.ends_with('*') && token.starts_with(pattern.substr(0, pattern.size() - 1)));
    });
  }

  /// Whatever it appends must be what each UKI allows: the pivot refuses the boot otherwise.
  void check_addon(const Addon& addon) {
    for (const std::string& token : split_command_line(addon.facts.cmdline.value_or(""))) {
      for (const SealedUki& uki : ukis_) {
        if (is_allowed(token, uki.config)) continue;
        find(addon.path, "appends " + quoted(token) + ", with which " + quoted(uki.path) + " refuses to boot");
      }
    }
    proof_.uncovered.push_back("the signed addon " + quoted(addon.path) + ": what it brings besides a command line");
  }

  const FatReader& reader_;
  const std::string& label_;
  const Certificate& trusted_;
  DiskProof& proof_;
  std::vector<Addon> addons_;
  std::vector<SealedUki> ukis_;
};

}  // namespace

std::vector<SealedUki> verify_esp(const FatReader& reader, const std::string& label, const Certificate& trusted,
                                  DiskProof& proof) {
  return EspVerifier(reader, label, trusted, proof).verify();
}

}  // namespace sealroot
