// Package pgp opens files that suppliers send encrypted with OpenPGP, such as the extracts of EMIS Web that end in .gpg.
//
// A Ring is the place's own key, and the sender's where files must be signed. Open gives what is in a file as a stream, whatever its size. What is
// read is not to be trusted before the end: only there is it known that nothing was altered or cut off, and until then the error may still come.
// Files without a seal against alteration (RFC 9580, 5.7) are refused, and so are those that are not encrypted at all.
//
// https://www.rfc-editor.org/rfc/rfc9580
package pgp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/kith-care/kith/fhir"
)

// Ring is the keys by which files are opened.
type Ring struct {
	own    openpgp.EntityList
	signer openpgp.EntityList // nil where files need not be signed
}

// Load reads the place's private key, and unlocks it where it has a passphrase: passphrase is a file in which that stands, or env:NAME. Signer is the
// public key by which files must be signed, "" where they need not be. Keys are binary or armoured.
func Load(key, passphrase, signer string) (*Ring, error) {
	own, err := keys(key)
	if err != nil {
		return nil, err
	}
	secret, err := phrase(passphrase)
	if err != nil {
		return nil, err
	}
	for _, e := range own {
		if e.PrivateKey == nil {
			return nil, fhir.Errorf(fhir.Invalid, "%s holds a public key: the private one is needed", key)
		}
		locked := e.PrivateKey.Encrypted
		for _, s := range e.Subkeys {
			locked = locked || s.PrivateKey != nil && s.PrivateKey.Encrypted
		}
		if locked && passphrase == "" {
			return nil, fhir.Errorf(fhir.Invalid, "the key in %s has a passphrase, and the feed does not say where that stands", key)
		}
		if locked {
			if err := e.DecryptPrivateKeys(secret); err != nil {
				return nil, fhir.Errorf(fhir.Invalid, "the passphrase does not open the key in %s", key)
			}
		}
	}
	r := &Ring{own: own}
	if signer != "" {
		if r.signer, err = keys(signer); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func keys(path string) (openpgp.EntityList, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the key cannot be read: %w", err)
	}
	read := openpgp.ReadKeyRing
	if bytes.Contains(data, []byte("-----BEGIN PGP")) {
		read = openpgp.ReadArmoredKeyRing
	}
	list, err := read(bytes.NewReader(data))
	if err == nil && len(list) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "%s holds no key of OpenPGP: %w", path, err)
	}
	return list, nil
}

func phrase(where string) ([]byte, error) {
	if name, ok := strings.CutPrefix(where, "env:"); ok {
		if value := os.Getenv(name); value != "" {
			return []byte(value), nil
		}
		return nil, fhir.Errorf(fhir.Invalid, "the passphrase of the key should stand in the environment as %s, and does not", name)
	}
	if where == "" {
		return nil, nil
	}
	data, err := os.ReadFile(where)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "the passphrase of the key cannot be read: %w", err)
	}
	return bytes.TrimRight(data, "\r\n"), nil
}

// Open gives what is in an encrypted file; each call of again must give the file from its beginning. More than most bytes are refused, so that a
// small file cannot fill the disk. Errors are of kind Invalid where they are the file's fault, or it is for another key; those of reading the file
// are given back as they are.
func (r *Ring) Open(again func() (io.Reader, error), most int64) (io.Reader, error) {
	file, err := again()
	if err != nil {
		return nil, err
	}
	from := &source{in: file}
	in, err := packets(from)
	if err != nil {
		return nil, from.blame(err)
	}
	limit := most + 1
	md, err := openpgp.ReadMessage(in, append(append(openpgp.EntityList{}, r.own...), r.signer...), nil, &packet.Config{MaxDecompressedMessageSize: &limit})
	switch {
	case errors.Is(err, pgperrors.ErrKeyIncorrect):
		to, e := recipients(again)
		if e != nil {
			return nil, e
		}
		return nil, fhir.Errorf(fhir.Invalid, "it is encrypted for %s, and the key of the feed is %s", to, r.names())
	case err != nil:
		return nil, from.blame(err)
	case !md.IsEncrypted:
		return nil, fhir.Errorf(fhir.Invalid, "it is not encrypted, although its name says so: nothing shows that it is as it was sent")
	}
	return &contents{ring: r, from: from, md: md, left: most}, nil
}

// source is the file, and remembers when it could not be read: that is no fault of what stands in it.
type source struct {
	in     io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

func (s *source) blame(err error) error {
	if s.failed != nil {
		return s.failed
	}
	return fhir.Errorf(fhir.Invalid, "it cannot be decrypted: it was damaged, altered or cut off on its way, or is no message of OpenPGP (%v)", err)
}

// packets reads a file that is binary or armoured.
func packets(in io.Reader) (io.Reader, error) {
	buf := bufio.NewReaderSize(in, 64<<10)
	if head, _ := buf.Peek(5); string(head) != "-----" {
		return buf, nil
	}
	block, err := armor.Decode(buf)
	if err != nil {
		return nil, err
	}
	return block.Body, nil
}

// recipients are the keys that could open a file.
func recipients(again func() (io.Reader, error)) (string, error) {
	file, err := again()
	if err != nil {
		return "", err
	}
	in, err := packets(file)
	if err != nil {
		return "", err
	}
	var ids []string
	for all := packet.NewReader(in); ; {
		p, err := all.Next()
		key, ok := p.(*packet.EncryptedKey)
		if err != nil || !ok {
			break
		}
		ids = append(ids, fmt.Sprintf("key %016X", key.KeyId))
	}
	if ids == nil {
		return "no key but a passphrase", nil
	}
	return strings.Join(ids, ", "), nil
}

// names are the numbers of the keys for which files may be encrypted.
func (r *Ring) names() string {
	var ids []string
	for _, e := range r.own {
		for _, k := range e.Subkeys {
			ids = append(ids, fmt.Sprintf("%016X", k.PublicKey.KeyId))
		}
		if len(e.Subkeys) == 0 {
			ids = append(ids, fmt.Sprintf("%016X", e.PrimaryKey.KeyId))
		}
	}
	return strings.Join(ids, ", ")
}

// contents is what is in a file; only its end says that it is whole.
type contents struct {
	ring *Ring
	from *source
	md   *openpgp.MessageDetails
	left int64
	done error
}

// Read fails at the end where the file was altered or cut off, or is not signed by whom it must be. It never gives io.ErrUnexpectedEOF, which readers
// take for an end.
func (c *contents) Read(p []byte) (int, error) {
	if c.done != nil {
		return 0, c.done
	}
	n, err := c.md.UnverifiedBody.Read(p)
	if c.left -= int64(n); c.left < 0 {
		c.done = fhir.Errorf(fhir.Invalid, "what is in it is larger than is taken")
		return 0, c.done
	}
	switch {
	case err == io.EOF:
		c.done = c.signed()
	case err != nil:
		c.done = c.from.blame(err)
	}
	return n, c.done
}

// signed is io.EOF where the file is signed by whom it must be.
func (c *contents) signed() error {
	switch {
	case c.ring.signer == nil:
		return io.EOF
	case !c.md.IsSigned:
		return fhir.Errorf(fhir.Invalid, "it is not signed, and files of this feed must be")
	case c.md.SignedBy == nil || len(c.ring.signer.KeysById(c.md.SignedBy.PublicKey.KeyId)) == 0:
		return fhir.Errorf(fhir.Invalid, "it is signed by key %016X, which is not the sender's", c.md.SignedByKeyId)
	case c.md.SignatureError != nil:
		return fhir.Errorf(fhir.Invalid, "its signature is not right: %w", c.md.SignatureError)
	}
	return io.EOF
}
