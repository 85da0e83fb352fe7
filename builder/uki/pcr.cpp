// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/pcr.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "builder/uki/assemble.hpp"
#include "builder/uki/certificate.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

struct MeasuredSection {
  std::string_view name;
  unsigned since;  // first stub that measures it
};

// .pcrsig is left out: it signs the result.
constexpr std::array<MeasuredSection, 14> sections = {{{".linux", 0},
                                                       {".osrel", 0},
                                                       {".cmdline", 0},
                                                       {".initrd", 0},
                                                       {".ucode", 256},
                                                       {".splash", 0},
                                                       {".dtb", 0},
                                                       {".uname", 254},
                                                       {".sbat", 254},
                                                       {".pcrpkey", 0},
                                                       {".profile", 257},
                                                       {".dtbauto", 257},
                                                       {".hwids", 257},
                                                       {".efifw", 258}}};

// Which of these a stub takes depends on the machine and on what is chosen in the menu.
constexpr std::array<std::string_view, 3> chosen_at_boot = {".profile", ".dtbauto", ".efifw"};

const EVP_MD* message_digest(PcrBank bank) {
  switch (bank) {
    case PcrBank::sha1:
      return EVP_sha1();
    case PcrBank::sha256:
      return EVP_sha256();
    case PcrBank::sha384:
      return EVP_sha384();
    case PcrBank::sha512:
      break;
  }
  return EVP_sha512();
}

/// A register: its value changes only by being hashed together with the hash of what is measured.
class Register {
 public:
  explicit Register(PcrBank bank)
      : type_(message_digest(bank)), value_(static_cast<std::size_t>(EVP_MD_get_size(type_)), 0) {}

  void measure(ByteView content) {
    Bytes both = value_;
    const Bytes event = hash(content);
    both.insert(both.end(), event.begin(), event.end());
    value_ = hash(both);
  }

  const Bytes& value() const { return value_; }

 private:
  Bytes hash(ByteView content) const {
    Bytes out(value_.size());
    if (EVP_Digest(content.data(), content.size(), out.data(), nullptr, type_, nullptr) != 1) {
      throw Error(Fault::os, "PCR 11: hashing: " + take_openssl_reason());
    }
    return out;
  }

  const EVP_MD* type_;
  Bytes value_;
};

void measure_phases(Register& pcr, std::string_view path) {
  while (!path.empty()) {
    const std::string_view phase = path.substr(0, path.find(':'));
    const bool more = phase.size() < path.size();
    if (phase.empty() || (more && phase.size() + 1 == path.size())) {
      throw Error(Fault::usage, "boot phases " + quoted(path) + ": one has no name");
    }
    pcr.measure(as_bytes(phase));
    path.remove_prefix(phase.size() + (more ? 1 : 0));
  }
}

}  // namespace

std::string_view pcr_bank_name(PcrBank bank) {
  constexpr std::array<std::string_view, 4> names = {"sha1", "sha256", "sha384", "sha512"};
  return names[static_cast<std::size_t>(bank)];
}

PcrBank parse_pcr_bank(std::string_view name) {
  for (const PcrBank bank : all_pcr_banks) {
    if (name == pcr_bank_name(bank)) return bank;
  }
  throw Error(Fault::usage, "PCR bank " + quoted(name) + ": not one of sha1, sha256, sha384, sha512");
}

const std::vector<std::string>& default_boot_phases() {
  static const std::vector<std::string> phases = {"enter-initrd", "enter-initrd:leave-initrd",
                                                  "enter-initrd:leave-initrd:sysinit", std::string(last_boot_phase)};
  return phases;
}

std::vector<std::string_view> measured_sections(unsigned stub_major_version) {
  std::vector<std::string_view> names;
  for (const MeasuredSection& section : sections) {
    if (stub_major_version >= section.since) names.push_back(section.name);
  }
  return names;
}

std::optional<std::string> pcr11_obstacle(const PeFile& uki) {
  const auto major = stub_major_version(uki);
  if (!major) return "no systemd stub of a known version measures it";
  for (const std::string_view name : measured_sections(*major)) {
    const auto count = std::ranges::count(uki.sections(), name, &pe::SectionHeader::name);
    if (count == 0) continue;
    if (std::ranges::find(chosen_at_boot, name) != chosen_at_boot.end()) {
      return "which " + std::string(name) + " section is measured is decided at boot";
    }
    if (count > 1) return "it has " + std::to_string(count) + " sections " + std::string(name);
    const pe::SectionHeader& section = *uki.find_section(name);
    if (section.VirtualSize > section.SizeOfRawData) {
      return "section " + std::string(name) + " is larger in memory than in the file";
    }
  }
  return std::nullopt;
}

Bytes predict_pcr11(const PeFile& uki, PcrBank bank, std::string_view phase_path) {
  if (const auto obstacle = pcr11_obstacle(uki)) {
    throw Error(Fault::malformed, "PCR 11 can't be predicted: " + *obstacle);
  }
  Register pcr(bank);
  for (const std::string_view name : measured_sections(*stub_major_version(uki))) {
    const auto content = uki.find_content(name);
    if (!content || content->empty()) continue;
    std::string event(name);
    event += '\0';
    pcr.measure(as_bytes(event));
    pcr.measure(*content);
  }
  measure_phases(pcr, phase_path);
  return pcr.value();
}

}  // namespace sealroot
