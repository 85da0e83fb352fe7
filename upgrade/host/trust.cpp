// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/trust.hpp"

#include "builder/boot/tree_files.hpp"
#include "builder/image/read_image.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {
constexpr std::uint64_t max_certificate_bytes = std::uint64_t{1} << 20;
}  // namespace

std::vector<Certificate> pinned_certificates(const Repository& repository, const Digest& image) {
  return during("certificates pinned by image " + to_hex(image), [&] {
    const ReadImage content = read_image(repository.objects().read(image));
    const TreeFiles files(content.tree, repository.objects());
    std::vector<Certificate> pinned;
    for (const std::string& name : files.list(pinned_folder)) {
      if (!name.ends_with(".crt")) continue;
      const std::string path = std::string(pinned_folder) + "/" + name;
      const auto text = files.try_read(path, max_certificate_bytes);
      if (!text) throw Error(Fault::malformed, quoted(path) + " is not a file");
      for (Certificate& certificate : Certificate::parse_all(*text, path)) pinned.push_back(std::move(certificate));
    }
    return pinned;
  });
}

std::vector<Certificate> trusted_certificates(const Repository& repository, const std::optional<Digest>& booted,
                                              const std::optional<std::string>& file) {
  std::vector<Certificate> pinned;
  if (booted) pinned = pinned_certificates(repository, *booted);
  if (!pinned.empty() && file) {
    throw Error(Fault::usage, "--cert " + quoted(*file) + ": the booted image pins its certificates in " +
                                  pinned_folder + "; no other one counts");
  }
  if (!pinned.empty()) return pinned;
  if (file) return Certificate::load_all(working_directory(), *file);
  throw Error(Fault::usage, std::string("no certificate to check the UKI with: ") +
                                (booted ? "the booted image has none in " : "no system runs that has one in ") +
                                pinned_folder + "; name one with --cert FILE");
}

}  // namespace sealroot
