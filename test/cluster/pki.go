package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// authority signs certificates. There are two: one for the API server and its
// clients, one for the front proxy, which must not be the same since whoever
// holds a certificate of the latter may claim to be anybody.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

const (
	caName         = "ca"
	frontProxyName = "front-proxy-ca"
	frontProxyUser = "front-proxy-client"
	supervisorUser = "cluster-supervisor"
	validity       = 10 * 365 * 24 * time.Hour
)

// writePKI makes keys and certificates below pki/, and the kubeconfigs of the
// administrator and of the components. Authorities and the key of the service
// accounts are kept if they exist, so that credentials and tokens outlive a
// restart on the same state.
func writePKI(ip net.IP, url string) error {
	if err := os.MkdirAll("pki", 0o700); err != nil {
		return err
	}
	ca, err := openAuthority(caName)
	if err != nil {
		return err
	}
	proxyCA, err := openAuthority(frontProxyName)
	if err != nil {
		return err
	}
	if _, err := os.Stat("pki/service-account.key"); errors.Is(err, fs.ErrNotExist) {
		if err := writeServiceAccountKey(); err != nil {
			return err
		}
	}
	err = ca.issue("apiserver", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{ip, net.ParseIP(serviceIP)},
	})
	if err != nil {
		return err
	}
	if err := proxyCA.issue(frontProxyUser, clientCert(frontProxyUser)); err != nil {
		return err
	}
	// Components are administrators: roles of their own would cost time at
	// the start and buy nothing here.
	for file, user := range map[string]string{
		"kubeconfig":                             "admin",
		"pki/kube-controller-manager.kubeconfig": "system:kube-controller-manager",
		"pki/kube-scheduler.kubeconfig":          "system:kube-scheduler",
		"pki/kwok.kubeconfig":                    "kwok",
		"pki/supervisor.kubeconfig":              supervisorUser,
	} {
		config, err := ca.kubeconfig(url, user, "system:masters")
		if err != nil {
			return err
		}
		if err := writeSecret(file, config); err != nil {
			return err
		}
	}
	return nil
}

// runKubeconfig writes a kubeconfig with a client certificate for any user, so
// that tests and the demo can be somebody with few rights.
func runKubeconfig(args []string, stdout io.Writer) error {
	flags, dirFlag := flagSet("kubeconfig")
	user := flags.String("user", "", "name of the user")
	groups := flags.String("groups", "", "groups of the user, separated by commas")
	dir, err := parse(flags, args, dirFlag)
	if err != nil {
		return err
	}
	if *user == "" {
		return fmt.Errorf("%w: --user is missing", errUsage)
	}
	ready, err := readReady(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no control plane runs in %s: start one with holdfast-cluster up", dir)
	}
	if err != nil {
		return err
	}
	ca, err := loadAuthority(dir, caName)
	if err != nil {
		return err
	}
	config, err := ca.kubeconfig(ready.URL, *user, strings.FieldsFunc(*groups, func(r rune) bool { return r == ',' })...)
	if err != nil {
		return err
	}
	_, err = stdout.Write(config)
	return err
}

// openAuthority loads an authority, or makes it if there is none.
func openAuthority(name string) (*authority, error) {
	a, err := loadAuthority(".", name)
	if errors.Is(err, fs.ErrNotExist) {
		return newAuthority(name)
	}
	return a, err
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "holdfast-cluster " + name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if err := writePair(name, der, key); err != nil {
		return nil, err
	}
	return loadAuthority(".", name)
}

func loadAuthority(dir, name string) (*authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, "pki", name+".crt"))
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, "pki", name+".key"))
	if err != nil {
		return nil, err
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("pki/%s in %s is not PEM: remove the directory pki and start again", name, dir)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: certPEM}, nil
}

// issue signs template for a new key and writes both to pki/<name>.crt and .key.
func (a *authority) issue(name string, template *x509.Certificate) error {
	der, key, err := a.sign(template)
	if err != nil {
		return err
	}
	return writePair(name, der, key)
}

func (a *authority) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template.NotBefore, template.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err = x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	return der, key, err
}

// kubeconfig returns a self-contained configuration with a client certificate
// for the user.
func (a *authority) kubeconfig(url, user string, groups ...string) ([]byte, error) {
	der, key, err := a.sign(clientCert(user, groups...))
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	const name = "holdfast-cluster"
	return clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{name: {Server: url, CertificateAuthorityData: a.pem}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{user: {
			ClientCertificateData: encode("CERTIFICATE", der),
			ClientKeyData:         encode("EC PRIVATE KEY", keyDER),
		}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: user}},
		CurrentContext: name,
	})
}

// clientCert is how Kubernetes reads a user and its groups from a certificate.
func clientCert(user string, groups ...string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func writeServiceAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeSecret("pki/service-account.pub", encode("PUBLIC KEY", public)); err != nil {
		return err
	}
	return writeSecret("pki/service-account.key", encode("EC PRIVATE KEY", private))
}

func writePair(name string, der []byte, key *ecdsa.PrivateKey) error {
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeSecret("pki/"+name+".crt", encode("CERTIFICATE", der)); err != nil {
		return err
	}
	return writeSecret("pki/"+name+".key", encode("EC PRIVATE KEY", keyDER))
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// writeSecret writes a file that its owner alone may read, in one step, so that
// nobody who waits for it sees half of it.
func writeSecret(file string, data []byte) error {
	temporary := file + ".tmp"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
