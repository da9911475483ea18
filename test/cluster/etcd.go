package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdEndpoint is a Unix socket in the working directory: no port to reserve,
// and nobody but the owner of the directory reaches it.
const etcdEndpoint = "unix://etcd.sock:0"

// startEtcd runs etcd inside this process. What a cluster of machines needs is
// tuned away: elections take a moment, and no write waits for the disk, which
// loses data only when the machine itself crashes.
func startEtcd() (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = "etcd"
	config.LogOutputs = []string{"logs/etcd.log"}
	config.LogLevel = "warn"
	config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration // 0 warns of every request
	config.TickMs, config.ElectionMs = 10, 100
	config.UnsafeNoFsync = true

	client := url.URL{Scheme: "unix", Host: "etcd.sock:0"}
	peer := url.URL{Scheme: "unix", Host: "etcd-peer.sock:0"}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err := <-etcd.Err():
		return nil, fmt.Errorf("etcd: %w", err)
	case <-time.After(30 * time.Second):
		etcd.Close()
		return nil, errors.New("etcd was not ready after 30 s: see logs/etcd.log")
	}
}
