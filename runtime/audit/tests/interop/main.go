// Verifies a log of pkic with golang.org/x/mod/sumdb, which knows nothing of pkic: checkpoint, every tile, every entry,
// a receipt, a consistency proof and a witness's cosignature.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run main.go LOG VERIFIER-KEY RECEIPT ENTRY CONSISTENCY WITNESS-KEY
//
// Of pkic it uses the files alone, in the formats of c2sp.org: tlog-tiles, tlog-checkpoint, tlog-proof, tlog-cosignature.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// logDir reads tiles. Paths of sumdb have the height of tiles in them, those of tlog-tiles have not.
type logDir string

func (dir logDir) Height() int                             { return height }
func (dir logDir) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}

func (dir logDir) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
		path = strings.Replace(path, "data/", "entries/", 1)
		bytes, err := os.ReadFile(filepath.Join(string(dir), "tile", path))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

// openCheckpoint verifies a signed note and reads its text as tlog-checkpoint has it.
func openCheckpoint(signed []byte, verifiers ...note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(opened.Sigs) != len(verifiers) {
		return tlog.Tree{}, errors.New("a signature is missing")
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifiers[0].Name() {
		return tlog.Tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// witness verifies cosignatures, which sumdb does not know, as another kind of signature of a note.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(text, signature []byte) bool {
	if len(signature) != 72 {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return ed25519.Verify(w.key, []byte(message), signature[8:])
}

func newWitness(text string) (witness, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return witness{}, errors.New("not a key")
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return witness{}, err
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 4 {
		return witness{}, errors.New("not a witness's key")
	}
	return witness{parts[0], uint32(hash), key[1:]}, nil
}

func hashes(lines []string) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, line := range lines {
		if line == "" {
			continue
		}
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		all = append(all, hash)
	}
	return all, nil
}

// checkEntries holds every entry against the tiles, which the reader holds against the checkpoint.
func checkEntries(dir logDir, tree tlog.Tree) error {
	reader := tlog.TileHashReader(tree, dir)
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)}
		bundles, err := dir.ReadTiles([]tlog.Tile{tile})
		if err != nil {
			return err
		}
		bundle := bundles[0]
		for index := first; index < first+width; index++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("entry %d: the bundle is too short", index)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			known, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return err
			}
			if known[0] != tlog.RecordHash(bundle[2:end]) {
				return fmt.Errorf("entry %d: not what the tiles say", index)
			}
			bundle = bundle[end:]
		}
		if len(bundle) != 0 {
			return fmt.Errorf("bundle %d: bytes are left over", first>>height)
		}
	}
	return nil
}

// checkReceipt verifies a receipt of tlog-proof, and returns the tree that its checkpoint is of.
func checkReceipt(receipt, entry []byte, verifiers ...note.Verifier) (tlog.Tree, error) {
	head, signed, found := strings.Cut(string(receipt), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return tlog.Tree{}, errors.New("not a receipt")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	tree, err := openCheckpoint([]byte(signed), verifiers...)
	if err != nil {
		return tlog.Tree{}, err
	}
	proof, err := hashes(lines[2:])
	if err != nil {
		return tlog.Tree{}, err
	}
	return tree, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

func run(dir, key, receiptFile, entryFile, consistencyFile, witnessKey string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	seer, err := newWitness(witnessKey)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	var files [4][]byte
	for at, path := range []string{filepath.Join(dir, "checkpoint"), receiptFile, entryFile, consistencyFile} {
		if files[at], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	tree, err := openCheckpoint(files[0], verifier)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := checkEntries(logDir(dir), tree); err != nil {
		return err
	}
	old, err := checkReceipt(files[1], files[2], verifier, seer)
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	proof, err := hashes(strings.Split(string(files[3]), "\n"))
	if err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	fmt.Printf("%d entries verified\n", tree.N)
	return nil
}

func main() {
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: LOG VERIFIER-KEY RECEIPT ENTRY CONSISTENCY WITNESS-KEY")
		os.Exit(2)
	}
	arg := os.Args[1:]
	if err := run(arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
