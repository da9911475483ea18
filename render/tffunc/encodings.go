package tffunc

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

// digests are the hashes, each as hexadecimal digits or in Base64.
var digests = []struct {
	name   string
	new    func() hash.Hash
	encode func([]byte) string
}{
	{"md5", md5.New, hex.EncodeToString},
	{"sha1", sha1.New, hex.EncodeToString},
	{"sha256", sha256.New, hex.EncodeToString},
	{"sha512", sha512.New, hex.EncodeToString},
	{"base64sha256", sha256.New, base64.StdEncoding.EncodeToString},
	{"base64sha512", sha512.New, base64.StdEncoding.EncodeToString},
}

func encodings() map[string]function.Function {
	out := map[string]function.Function{
		"base64encode": text(func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil }),
		"base64decode": text(base64Decode),
		"base64gzip":   text(base64Gzip),
		"base64gunzip": text(base64Gunzip),
		"urlencode":    text(func(s string) (string, error) { return url.QueryEscape(s), nil }),
		"urldecode":    text(url.QueryUnescape),
		"uuidv5":       simple(cty.String, uuidV5, cty.String, cty.String),
		"rsadecrypt":   simple(cty.String, rsaDecrypt, cty.String, cty.String),

		"textencodebase64": simple(cty.String, textEncode, cty.String, cty.String),
		"textdecodebase64": simple(cty.String, textDecode, cty.String, cty.String),
	}
	for _, d := range digests {
		out[d.name] = text(func(s string) (string, error) {
			h := d.new()
			_, _ = io.WriteString(h, s)
			return d.encode(h.Sum(nil)), nil
		})
	}
	return out
}

var errNotUTF8 = errors.New("the content is no text in UTF-8")

func base64Decode(s string) (string, error) {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", fmt.Errorf("not Base64: %w", err)
	}
	if !utf8.Valid(out) {
		return "", errNotUTF8
	}
	return string(out), nil
}

// base64Gzip flushes before the end, for the bytes to be those of Terraform.
func base64Gzip(s string) (string, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, s) // a buffer takes all
	if err := w.Flush(); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

func base64Gunzip(s string) (string, error) {
	packed, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", fmt.Errorf("not Base64: %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxText+1))
	switch {
	case err != nil:
		return "", err
	case len(out) > maxText:
		return "", fmt.Errorf("more than %d bytes: %w", maxText, ErrTooLarge)
	case !utf8.Valid(out):
		return "", errNotUTF8
	}
	return string(out), nil
}

// namespaces of RFC 4122 differ in one byte.
var namespaces = map[string]byte{"dns": 0x10, "url": 0x11, "oid": 0x12, "x500": 0x14}

func uuidV5(args []cty.Value) (cty.Value, error) {
	space := args[0].AsString()
	id := []byte("\x6b\xa7\xb8\x10\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8")
	if b, ok := namespaces[space]; ok {
		id[3] = b
	} else {
		var err error
		if id, err = hex.DecodeString(string(bytes.ReplaceAll([]byte(space), []byte("-"), nil))); err != nil || len(id) != 16 {
			return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "not a UUID, nor one of dns, url, oid and x500: %q", space)
		}
	}
	h := sha1.New()
	h.Write(id)
	_, _ = io.WriteString(h, args[1].AsString())
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return cty.StringVal(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])), nil
}

// rsaDecrypt decrypts with PKCS #1 v1.5. Its errors hold nothing of the key.
func rsaDecrypt(args []cty.Value) (cty.Value, error) {
	packed, err := base64.StdEncoding.DecodeString(args[0].AsString())
	if err != nil {
		return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "the text to decrypt is not Base64")
	}
	block, _ := pem.Decode([]byte(args[1].AsString()))
	if block == nil {
		return cty.UnknownVal(cty.String), function.NewArgErrorf(1, "the key is not PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		other, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
		var ok bool
		if key, ok = other.(*rsa.PrivateKey); !ok {
			return cty.UnknownVal(cty.String), function.NewArgErrorf(1, "the key is no RSA private key of PKCS #1 or #8")
		}
	}
	out, err := rsa.DecryptPKCS1v15(nil, key, packed) //nolint:staticcheck // what Terraform's rsadecrypt is; nobody is told of single failures
	if err != nil {
		return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "the key does not fit the text to decrypt")
	}
	return cty.StringVal(string(out)), nil
}

func charset(v cty.Value) (encoding.Encoding, error) {
	name := v.AsString()
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		return nil, function.NewArgErrorf(1, "%q is no character set of IANA that is supported", name)
	}
	return e, nil
}

func textEncode(args []cty.Value) (cty.Value, error) {
	e, err := charset(args[1])
	if err != nil {
		return cty.UnknownVal(cty.String), err
	}
	out, err := e.NewEncoder().String(args[0].AsString())
	if err != nil {
		return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "the text has characters that %s cannot show", args[1].AsString())
	}
	return cty.StringVal(base64.StdEncoding.EncodeToString([]byte(out))), nil
}

func textDecode(args []cty.Value) (cty.Value, error) {
	e, err := charset(args[1])
	if err != nil {
		return cty.UnknownVal(cty.String), err
	}
	packed, err := base64.StdEncoding.DecodeString(args[0].AsString())
	if err != nil {
		return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "not Base64: %w", err)
	}
	out, err := e.NewDecoder().Bytes(packed)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "not encoded as %s", args[1].AsString())
	}
	return cty.StringVal(string(out)), nil
}
