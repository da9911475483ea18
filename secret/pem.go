package secret

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
)

const pemStart = "-----BEGIN "

// searchKey finds the private key with which a text begins, in PEM as it is, or
// in a string of a program or of JSON.
func searchKey(text []byte) (start, end int, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte(pemStart))
	head, body, closed := bytes.Cut(rest, []byte("-----"))
	if !ok || !closed || len(head) > 60 || !bytes.HasSuffix(bytes.TrimSuffix(head, []byte(" BLOCK")), []byte("PRIVATE KEY")) {
		return 0, 0, false
	}
	if at := bytes.Index(body, []byte("-----")); at >= 0 {
		body = body[:at]
	}
	end = len(pemStart) + len(head) + 5 + len(body)
	return 0, end, keyMaterial(body)
}

// keyMaterial reports whether a text is what is in a private key: long, or short
// and whole. Most of what is made up is neither.
func keyMaterial(body []byte) bool {
	if bytes.Contains(body, []byte("...")) || bytes.Contains(bytes.ToLower(body), []byte("example")) {
		return false
	}
	var longest, all []byte
	for _, word := range bytes.FieldsFunc(unescape(body), func(r rune) bool { return !isBase64(r) }) {
		if len(word) > len(longest) {
			longest = word
		}
		all = append(all, word...)
	}
	if len(longest) < 32 || entropy(all) < 4 {
		return false
	}
	if len(all) >= 300 {
		return true
	}
	der := make([]byte, base64.StdEncoding.DecodedLen(len(all)))
	n, err := base64.StdEncoding.Decode(der, all)
	var whole asn1.RawValue
	if err == nil {
		_, err = asn1.Unmarshal(der[:n], &whole)
	}
	return err == nil && whole.Tag == asn1.TagSequence
}

func isBase64(r rune) bool {
	return r < 0x80 && (letter(byte(r)) || digit(byte(r)) || r == '+' || r == '/' || r == '=')
}

// unescape makes the escaped line endings of strings real ones.
func unescape(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte(`\r`), []byte("\n"))
	return bytes.ReplaceAll(text, []byte(`\n`), []byte("\n"))
}

// acceptEncodedKey judges base64 that begins like that of a PEM block.
func acceptEncodedKey(_ class, _, value []byte) bool {
	text := unbase64(value[:len(value)/4*4])
	_, _, ok := searchKey(text)
	return ok
}
