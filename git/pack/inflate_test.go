package pack

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestFastInflater decompresses what is written at all levels, in one piece and in many.
func TestFastInflater(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 70_000)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	skewed := make([]byte, 40_000) // whose codes are long
	for i := range skewed {
		skewed[i] = byte(min(rng.ExpFloat64()*12, 255))
	}
	texts := map[string][]byte{
		"nothing": nil, "one byte": {7}, "one byte, often": bytes.Repeat([]byte{7}, 1000), "random": random, "skewed": skewed,
		"text":   []byte(strings.Repeat("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b.c> 1 +0000\n", 20)),
		"far":    append(append([]byte("the beginning"), random[:32_000]...), "the beginning"...),
		"at end": append(bytes.Clone(random[:500]), random[:258]...),
	}
	var f fastInflater
	for name, text := range texts {
		for level := zlib.HuffmanOnly; level <= zlib.BestCompression; level++ {
			for _, piece := range []int{len(text) + 1, 1000} {
				var out bytes.Buffer
				w, err := zlib.NewWriterLevel(&out, level)
				if err != nil {
					t.Fatal(err)
				}
				for rest := text; len(rest) > 0; {
					n := min(piece, len(rest))
					_, _ = w.Write(rest[:n])
					_ = w.Flush() // which ends a block
					rest = rest[n:]
				}
				_ = w.Close()
				into := make([]byte, len(text))
				if !f.zlib(into, out.Bytes()) || !bytes.Equal(into, text) {
					t.Errorf("%s, level %d, pieces of %d: not the same", name, level, piece)
				}
				if f.zlib(make([]byte, len(text)+1), out.Bytes()) || len(text) > 0 && f.zlib(make([]byte, len(text)-1), out.Bytes()) {
					t.Errorf("%s, level %d: another size is accepted", name, level)
				}
				if cut := out.Len() - 4 - 2; f.zlib(into, out.Bytes()[:max(cut, 0)]) { // the checksum is not needed
					t.Errorf("%s, level %d: what is cut off is accepted", name, level)
				}
			}
		}
	}
}

// FuzzFastInflater compares with compress/flate: what is accepted must be the same.
func FuzzFastInflater(f *testing.F) {
	for _, text := range []string{"", "hello, hello, hello", strings.Repeat("abcdefgh", 100)} {
		for _, level := range []int{zlib.HuffmanOnly, zlib.NoCompression, zlib.BestSpeed, zlib.BestCompression} {
			var out bytes.Buffer
			w, _ := zlib.NewWriterLevel(&out, level)
			_, _ = io.WriteString(w, text)
			_ = w.Close()
			f.Add(out.Bytes(), uint16(len(text)))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		var fast fastInflater
		into := make([]byte, size)
		if !fast.zlib(into, data) {
			return
		}
		want, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data[2:])), 1<<17))
		if err != nil || !bytes.Equal(into, want) {
			t.Errorf("%d bytes, compress/flate gives %d: %v", len(into), len(want), err)
		}
	})
}
