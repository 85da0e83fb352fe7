// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What Go's archive/tar reads in the archive on stdin: one JSON object for each entry. Names are in hex, since JSON has
// no bytes. Exit status 1 if it refuses the archive.
package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	out := json.NewEncoder(os.Stdout)
	for reader := tar.NewReader(os.Stdin); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return
		}
		content := sha256.New()
		if err == nil {
			_, err = io.Copy(content, reader)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		xattrs := map[string]string{}
		for key, value := range header.PAXRecords {
			if name, found := strings.CutPrefix(key, "SCHILY.xattr."); found {
				xattrs[name] = hex.EncodeToString([]byte(value))
			}
		}
		out.Encode(map[string]any{
			"name": hex.EncodeToString([]byte(header.Name)), "type": string(header.Typeflag), "size": header.Size,
			"link": hex.EncodeToString([]byte(header.Linkname)), "mode": header.Mode & 0o7777,
			"uid": header.Uid, "gid": header.Gid, "seconds": header.ModTime.Unix(),
			"nanoseconds": header.ModTime.Nanosecond(), "major": header.Devmajor, "minor": header.Devminor,
			"sha256": hex.EncodeToString(content.Sum(nil)), "xattrs": xattrs,
		})
	}
}
