// Sends one signed request to a platform's gate and prints the answer.
//
//	go run client.go --url https://HOST/xc/v1/requests --key agency.pem --keyid ID --body request.json
//
// --ticket "$XC_REQUEST" instead of --body asks for the result; --ca ca.pem trusts
// those certificates alone.  Go 1.18, nothing else.  Exit status (of the program that
// go build makes): 0 if it was allowed, 1 if not, 2 if there was no answer, which is no
// refusal: what is wrong is told.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// must ends the program where there is an error.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "client: no answer:", err)
		os.Exit(2)
	}
	return value
}

// sign covers the request with a signature (RFC 9421) under a new nonce.
func sign(r *http.Request, key ed25519.PrivateKey, keyid string) {
	names, base := []string{}, ""
	cover := func(name, value string) {
		names = append(names, `"`+name+`"`)
		base += `"` + name + `": ` + value + "\n"
	}
	cover("@method", r.Method)
	cover("@authority", strings.TrimSuffix(strings.ToLower(r.URL.Host), ":443"))
	cover("@path", r.URL.EscapedPath())
	if r.URL.RawQuery != "" {
		cover("@query", "?"+r.URL.RawQuery)
	}
	for _, name := range []string{"content-type", "content-digest", "xc-request"} {
		if value := r.Header.Get(name); value != "" {
			cover(name, value)
		}
	}
	nonce := must(io.ReadAll(io.LimitReader(rand.Reader, 18)))
	params := fmt.Sprintf(`(%s);created=%d;keyid="%s";nonce="%s"`, strings.Join(names, " "),
		time.Now().Unix(), keyid, base64.URLEncoding.EncodeToString(nonce))
	signature := ed25519.Sign(key, []byte(base+`"@signature-params": `+params))
	r.Header.Set("Signature-Input", "sig="+params)
	r.Header.Set("Signature", "sig=:"+base64.StdEncoding.EncodeToString(signature)+":")
}

func main() {
	option := map[string]string{}
	for i := 1; i+1 < len(os.Args); i += 2 {
		option[os.Args[i]] = os.Args[i+1]
	}
	pool := must(x509.SystemCertPool())
	if option["--ca"] != "" {
		pool = x509.NewCertPool()
		pool.AppendCertsFromPEM(must(os.ReadFile(option["--ca"])))
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if !strings.HasPrefix(option["--url"], "https://") {
		must("", errors.New("--url must begin with https://"))
	}
	block, _ := pem.Decode(must(os.ReadFile(option["--key"])))
	if block == nil {
		must("", errors.New("--key is no PEM"))
	}
	key, ok := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(ed25519.PrivateKey)
	if !ok {
		must("", errors.New("--key is no Ed25519 key"))
	}
	r := must(http.NewRequest("GET", option["--url"], nil))
	if option["--ticket"] != "" {
		r.Header.Set("XC-Request", option["--ticket"])
	}
	if option["--body"] != "" {
		body := must(os.ReadFile(option["--body"]))
		digest := sha256.Sum256(body)
		r = must(http.NewRequest("POST", option["--url"], bytes.NewReader(body)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(digest[:])+":") // RFC 9530
	}
	sign(r, key, option["--keyid"])
	answer := must(client.Do(r))
	fmt.Println("HTTP", answer.StatusCode)
	for _, name := range []string{"XC-Record", "XC-Request", "Retry-After"} {
		fmt.Println(name+":", answer.Header.Get(name))
	}
	fmt.Printf("\n%s\n", must(io.ReadAll(answer.Body)))
	if answer.StatusCode >= 300 {
		os.Exit(1)
	}
}
