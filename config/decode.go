package config

import (
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// Error is one mistake in a configuration file.
type Error = strict.Error

// Errors are all mistakes of a file, in the order of their places.
type Errors = strict.Errors

// Decode reads and checks a configuration. Paths stay as they are written.
func Decode(file *source.File) (*Config, error) {
	cfg := &Config{File: file, Digest: digest(file.Content)}
	d := strict.Decode(file, cfg)
	if d.Root() == nil {
		return nil, d.Err()
	}
	cfg.setDefaults()
	c := checker{Decoder: d, cfg: cfg}
	c.check()
	if err := d.Err(); err != nil {
		return nil, err
	}
	return cfg, nil
}
