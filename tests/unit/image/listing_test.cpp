// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What `sealroot ls` and `cat` show, from image files and from repositories.
#include "builder/image/listing.hpp"

#include <nlohmann/json.hpp>

#include "builder/image/image.hpp"
#include "builder/image/named_image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

std::string lines(const Tree& tree, std::string_view start) {
  std::string text;
  list_tree(tree, start, [&](const Listed& listed) { text += listing_line(listed) + '\n'; });
  return text;
}

Tree sample() {
  const std::string text =
      "/ 4096 40755 3 0 0 0 1.0 - - -\n"
      "/a\\x20b\\xff 5 104755 1 1 2 0 1.0 - hello - user.k=\\x00\n"
      "/d 4096 41777 2 0 0 0 1.0 - - -\n"
      "/d/l 2 120777 1 0 0 0 1.0 .. - -\n"
      "/d/n 0 20600 1 0 0 1049857 1.0 - - -\n";
  return parse_dumpfile(as_bytes(text));
}

}  // namespace

TEST_CASE("a listing shows types, modes, owners, sizes and targets, with names that can't be printed escaped") {
  CHECK(lines(sample(), "/") ==
        "drwxr-xr-x 0 0 0 /\n"
        "-rwsr-xr-x 1 2 5 /a b\\xff\n"
        "drwxrwxrwt 0 0 0 /d\n"
        "lrwxrwxrwx 0 0 0 /d/l -> ..\n"
        "crw------- 0 0 5,257 /d/n\n");
  CHECK(lines(sample(), "d/l") == "lrwxrwxrwx 0 0 0 /d/l -> ..\n");
  CHECK_THROWS_WITH(lines(sample(), "/none"), has_text("'/none': not in the image"));
}

TEST_CASE("a record of a listing has all metadata") {
  std::vector<nlohmann::ordered_json> records;
  list_tree(sample(), "/", [&](const Listed& listed) { records.push_back(listing_record(listed)); });
  REQUIRE(records.size() == 5);
  CHECK(records[1]["path"] == "/a b\\xff");
  CHECK(records[1]["mode"] == "4755");
  CHECK(records[1]["content"] == "hello");
  CHECK(records[1]["xattrs"]["user.k"] == "\\x00");
  CHECK(records[3]["target"] == "..");
  CHECK(records[4]["minor"] == 257);
}

TEST_CASE("an image is found by its file or its digest, and its files are measured") {
  const Scratch scratch;
  const Repository repository = Repository::create(scratch.directory(), "repo", Algorithm::sha512);
  const std::string content(1000, 'x');
  const Digest object = repository.objects().put(as_bytes(content));
  const std::string line = "/f 1000 100644 1 0 0 0 1.0 " + object_path(object) + " - " + to_hex(object) + "\n";
  const Bytes image = make_image(parse_dumpfile(as_bytes("/ 4096 40755 2 0 0 0 1.0 - - -\n" + line)), ImageFormat::v1);
  const Digest digest = repository.add_image(image);
  write_new_file(scratch.directory(), "image", image);
  const std::string store = scratch.path() / "repo";

  CHECK(read_image_file(open_image(to_hex(digest), store), "/f") == content);
  CHECK(read_image_file(open_image(scratch.path() / "image", store), "f") == content);
  CHECK_THROWS_WITH(read_image_file(open_image(scratch.path() / "image", ""), "f"), has_text("with --repo"));
  CHECK_THROWS_WITH(open_image(to_hex(digest), ""), has_text("needs --repo"));
  CHECK_THROWS_WITH(read_image_file(open_image(to_hex(digest), store), "/none"), has_text("'/none': not in the image"));

  const std::filesystem::path file = std::filesystem::path(store) / "objects" / object_path(object);
  std::filesystem::remove(file);
  write_new_file(working_directory(), file, as_bytes(std::string(1000, 'y')));
  CHECK_THROWS_WITH(read_image_file(open_image(to_hex(digest), store), "/f"), has_text(to_hex(object).substr(2)));
}
