// Checks a checkpoint and proofs with the code that Go's checksum database is checked with.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type ask struct{ Key, Old, Proof string }

func hashes(lines []string) (made []tlog.Hash, err error) {
	for _, line := range lines {
		var one tlog.Hash
		data, err := base64.StdEncoding.DecodeString(line)
		if err != nil || copy(one[:], data) != len(one) {
			return nil, errors.New("not a hash")
		}
		made = append(made, one)
	}
	return made, nil
}

func signed(text, key string) (size int64, root tlog.Hash, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return
	}
	lines := strings.Split(opened.Text, "\n")
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return
	}
	roots, err := hashes(lines[2:3])
	if err == nil {
		root = roots[0]
	}
	return
}

func check(a ask) error {
	head, text, _ := strings.Cut(a.Proof, "\n\n")
	lines := strings.Split(head, "\n")
	size, root, err := signed(text, a.Key)
	if err != nil {
		return err
	}
	if strings.HasPrefix(lines[0], "old ") {
		oldSize, oldRoot, err := signed(a.Old, a.Key)
		if err != nil {
			return err
		}
		nodes, err := hashes(lines[1:])
		if err != nil {
			return err
		}
		return tlog.CheckTree(nodes, size, root, oldSize, oldRoot)
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	nodes, err := hashes(lines[3:])
	if err != nil {
		return err
	}
	return tlog.CheckRecord(nodes, size, root, index, tlog.RecordHash(entry))
}

func main() {
	var asked []ask
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	for _, a := range asked {
		if err := check(a); err != nil {
			fmt.Println("no:", err)
		} else {
			fmt.Println("yes")
		}
	}
}
