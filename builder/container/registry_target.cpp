// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/container/registry_target.hpp"

#include <charconv>

#include "builder/registry/retries.hpp"
#include "builder/registry/url.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// Held in memory until the registry has said that it has it.
constexpr std::size_t part_size = std::size_t{8} << 20;

constexpr long http_created = 201;

bool ignored(const HttpResponse&, ByteView) { return true; }

std::string with_digest(const std::string& location, const BlobDigest& digest) {
  return location + (location.find('?') == std::string::npos ? "?" : "&") + "digest=" + percent_encoded(digest.text());
}

std::string location_of(const HttpResponse& response) {
  std::string location = response.header("location");
  if (location.empty()) throw Error(Fault::malformed, "the registry does not say where the blob is to be sent");
  return location;
}

RegistryRequest upload(const std::string& method, const std::string& path, ByteView body) {
  return {.method = method, .path = path, .headers = {"Content-Type: application/octet-stream"}, .body = body};
}

}  // namespace

RegistryTarget::RegistryTarget(Endpoint endpoint, const RegistryOptions& options, std::string mount_from)
    : mount_from_(std::move(mount_from)),
      client_(std::move(endpoint), options, RegistryClient::Purpose::push, mount_from_) {}

bool RegistryTarget::contains(const Descriptor& descriptor) {
  const RegistryRequest request{.method = "HEAD", .path = "blobs/" + descriptor.digest.text()};
  try {
    Retries::around([&] { return client_.exchange(request, ignored); });
    return true;
  } catch (const Error& error) {
    if (error.fault() != Fault::missing) throw;
  }
  return !mount_from_.empty() && mount(descriptor);
}

/// A registry that does not do it, or not for us, begins an upload instead or refuses; then the blob is sent.
bool RegistryTarget::mount(const Descriptor& descriptor) {
  const std::string path =
      "blobs/uploads/?mount=" + percent_encoded(descriptor.digest.text()) + "&from=" + percent_encoded(mount_from_);
  try {
    const HttpResponse response = client_.exchange(upload("POST", path, {}), ignored);
    if (response.status == http_created) return true;
    client_.exchange({.method = "DELETE", .path = location_of(response)}, ignored);
  } catch (const Error&) {  // what really is wrong, sending the blob will show
  }
  return false;
}

std::string RegistryTarget::begin_upload() {
  return Retries::around([&] { return location_of(client_.exchange(upload("POST", "blobs/uploads/", {}), ignored)); });
}

void RegistryTarget::put_at_once(const Descriptor& descriptor, ByteView bytes) {
  Retries::around([&] {  // from its beginning: what has come of the last try is unknown
    const std::string location = location_of(client_.exchange(upload("POST", "blobs/uploads/", {}), ignored));
    return client_.exchange(upload("PUT", with_digest(location, descriptor.digest), bytes), ignored);
  });
}

/// How much the registry has of an upload; it says so as `0-LAST`, also of nothing.
std::uint64_t RegistryTarget::bytes_there(std::string& location) {
  const HttpResponse response = client_.exchange({.path = location}, ignored);
  const std::string range = response.header("range");
  std::uint64_t last = 0;
  const char* const end = range.data() + range.size();
  if (!range.starts_with("0-") || std::from_chars(range.data() + 2, end, last).ptr != end) {
    throw Error(Fault::malformed, "the registry does not say how much of the blob it has");
  }
  if (!response.header("location").empty()) location = response.header("location");
  return last == 0 ? 0 : last + 1;
}

void RegistryTarget::put_part(std::string& location, std::uint64_t offset, ByteView part) {
  const std::uint64_t end = offset + part.size();
  for (Retries retries; offset < end;) {
    const ByteView rest = part.last(static_cast<std::size_t>(end - offset));
    RegistryRequest request = upload("PATCH", location, rest);
    request.headers.push_back("Content-Range: " + std::to_string(offset) + "-" + std::to_string(end - 1));
    try {
      location = location_of(client_.exchange(request, ignored));
      return;
    } catch (const BrokenTransfer& error) {
      retries.after(error);
    }
    const std::uint64_t there = Retries::around([&] { return bytes_there(location); });
    if (there < end - part.size() || there > end) {
      throw Error(Fault::os, "the registry has lost what was sent of the blob; try again");
    }
    offset = there;
  }
}

void RegistryTarget::put(const Descriptor& descriptor, ByteStream& blob) {
  Bytes part(part_size);
  std::size_t size = read_full(blob, part);
  if (size < part.size()) {
    put_at_once(descriptor, ByteView(part).first(size));
    return;
  }
  std::string location = begin_upload();
  for (std::uint64_t offset = 0; size > 0; size = read_full(blob, part)) {
    put_part(location, offset, ByteView(part).first(size));
    offset += size;
  }
  // Not tried again: after a break nobody knows whether it is there. The next push finds out.
  client_.exchange(upload("PUT", with_digest(location, descriptor.digest), {}), ignored);
}

void RegistryTarget::put_manifest(const Descriptor& descriptor, ByteView document) {
  const Reference& reference = client_.endpoint().reference;
  if (reference.digest && reference.digest != descriptor.digest) {
    throw Error(Fault::usage, "the image has the digest " + descriptor.digest.text() + ", not " +
                                  reference.digest->text() + " that it was to be pushed by");
  }
  const std::string name = reference.tag.empty() ? descriptor.digest.text() : reference.tag;
  RegistryRequest request{.method = "PUT", .path = "manifests/" + name};
  request.headers = {"Content-Type: " + descriptor.media_type};
  request.body = document;
  const HttpResponse response = Retries::around([&] { return client_.exchange(request, ignored); });
  const std::string stored = response.header("docker-content-digest");
  if (!stored.empty() && stored != descriptor.digest.text()) {
    throw Error(Fault::untrusted, "manifest digest mismatch: sent was " + descriptor.digest.text() +
                                      ", the registry has " + quoted(stored.substr(0, 160)));
  }
}

}  // namespace sealroot
