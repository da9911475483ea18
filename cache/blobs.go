package cache

import (
	"errors"
	"os"
	"time"
)

// usedEvery is how exactly is known when an entry was used last.
const usedEvery = time.Hour

// Get returns what was put under a name, unless it has gone.
func (c Cache) Get(name string) ([]byte, bool) {
	if c.Dir == "" {
		return nil, false
	}
	data, used, err := readEntry(c.path(name))
	if err != nil {
		return nil, false
	}
	body, ok := unsealed(data)
	if now := time.Now(); ok && now.Sub(used) > usedEvery {
		_ = os.Chtimes(c.path(name), now, now) // those that are used stay
	}
	return body, ok
}

var errTooLarge = errors.New("nothing as large is ever kept")

// Put keeps data under a name if it can: where there is no space, or the directory
// cannot be written, nothing is kept.
func (c Cache) Put(name string, data []byte) {
	if c.Dir == "" || len(data) > mostEntry || c.write(name, sealed(data)) != nil {
		return
	}
	if name[0] == '0' { // hashes are spread evenly: about each sixteenth
		_ = c.trim()
	}
}

// write makes a file of a name, all of it or nothing.
func (c Cache) write(name string, data []byte) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(c.Dir, "new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), c.path(name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
