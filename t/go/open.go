// Opens checkpoints and proofs of the log with the library that others wrote
// for Go's checksum database: signed notes, and the tree of RFC 6962.
//
//	open VKEY checkpoint NOTE...     of each: origin, size, root
//	open VKEY tree LOG NOTE...       and held to the lines of the log
//	open VKEY proof LINE PROOF       a C2SP tlog-proof of that line
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash

	for _, i := range indexes {
		out = append(out, h[i])
	}
	return out, nil
}

func main() {
	if len(os.Args) < 4 {
		fail("open VKEY checkpoint|tree|proof FILE...")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	known := note.VerifierList(verifier)

	switch os.Args[2] {
	case "checkpoint":
		for _, file := range os.Args[3:] {
			c := open(read(file), known)
			fmt.Println(c.origin, c.size, c.root)
		}
	case "tree":
		tree := grow(read(os.Args[3]))
		for _, file := range os.Args[4:] {
			hold(tree, open(read(file), known))
		}
	case "proof":
		prove(read(os.Args[3]), read(os.Args[4]), known)
	default:
		fail("what is " + os.Args[2] + "?")
	}
}

func open(text []byte, known note.Verifiers) checkpoint {
	n, err := note.Open(text, known)
	check(err)
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		fail("not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return checkpoint{lines[0], size, root}
}

func grow(log []byte) hashes {
	var tree hashes

	for i, line := range bytes.Split(bytes.TrimSuffix(log, []byte("\n")),
		[]byte("\n")) {
		stored, err := tlog.StoredHashes(int64(i), line, tree)
		check(err)
		tree = append(tree, stored...)
	}
	return tree
}

func hold(tree hashes, c checkpoint) {
	root, err := tlog.TreeHash(c.size, tree)
	check(err)
	if root != c.root {
		fail(fmt.Sprintf("size %d: another root", c.size))
	}
	fmt.Println(c.origin, c.size, "is of these lines")
}

func prove(line, proof []byte, known note.Verifiers) {
	var path tlog.RecordProof

	head, signed, found := bytes.Cut(proof, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a proof")
	}
	at, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err)
	for _, text := range lines[2:] {
		hash, err := tlog.ParseHash(text)
		check(err)
		path = append(path, hash)
	}
	c := open(signed, known)
	check(tlog.CheckRecord(path, c.size, c.root, at, tlog.RecordHash(line)))
	fmt.Println("line", at, "of", c.origin, c.size)
}

func read(file string) []byte {
	text, err := os.ReadFile(file)
	check(err)
	return text
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
