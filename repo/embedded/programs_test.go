//go:build unix

package embedded

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// nowhere finds no programs and has no network.
func nowhere() finder {
	return finder{
		path: func() []string { return nil },
		fetch: func(context.Context, string, int) (string, error) {
			return "", errors.New("no network")
		},
	}
}

// stub writes executable scripts into a new directory that PostgreSQL's own user can reach.
func stub(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := reachableDir(t)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func version(n string) string { return "echo 'postgres (PostgreSQL) " + n + "'\n" }

func TestFind(t *testing.T) {
	old := stub(t, map[string]string{"initdb": "", "postgres": version("13.9")})
	v15 := stub(t, map[string]string{"initdb": "", "postgres": version("15.1 (Debian 15.1-1)")})
	v17 := stub(t, map[string]string{"initdb": "", "postgres": version("17beta2")})
	half := stub(t, map[string]string{"postgres": version("18.1")})
	other := stub(t, map[string]string{"initdb": "", "postgres": "echo hello"})
	tests := []struct {
		name   string
		bin    string
		path   []string
		major  int
		want   programs
		errors string
	}{
		{name: "the first that is good", path: []string{half, old, other, v15, v17}, want: programs{v15, 15}},
		{name: "the one that made the data", path: []string{v15, v17}, major: 17, want: programs{v17, 17}},
		{name: "bin_dir first", bin: v17, path: []string{v15}, want: programs{v17, 17}},
		{name: "bin_dir or nothing", bin: half, path: []string{v15}, errors: "no program initdb in"},
		{name: "bin_dir too old", bin: old, errors: "is PostgreSQL 13: install 14 or newer"},
		{name: "bin_dir of another version", bin: v15, major: 17, errors: "needs PostgreSQL 17 and only 15 is here"},
		{
			name: "no matching version", path: []string{v17, v15, v17}, major: 16,
			errors: "needs PostgreSQL 16 and only 15 17 is here: install postgresql-16 or set",
		},
		{name: "none", errors: "no PostgreSQL programs found: install postgresql"},
	}
	acct, err := serverAccount("")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := nowhere()
			f.path = func() []string { return test.path }
			c := Config{BinDir: test.bin, CacheDir: t.TempDir()}
			got, err := f.find(t.Context(), c, place{dir: "d", home: "d", account: acct}, test.major)
			if got != test.want || (err == nil) != (test.errors == "") || err != nil && !strings.Contains(err.Error(),
				test.errors) {
				t.Errorf("got %v, %v, want %v, %s", got, err, test.want, test.errors)
			}
		})
	}
}

func TestFoldersNewestFirst(t *testing.T) {
	base := t.TempDir()
	for _, v := range []string{"9", "14", "17"} {
		if err := os.MkdirAll(filepath.Join(base, "postgresql@"+v, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f := nowhere()
	f.usual = []string{filepath.Join(base, "postgresql@*", "bin")}
	got := strings.ReplaceAll(strings.Join(f.folders(), " "), base, "")
	if want := "/postgresql@17/bin /postgresql@14/bin /postgresql@9/bin"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDataOfAnotherVersion(t *testing.T) {
	dir := reachableDir(t)
	mustClose(t, mustStart(t, dir))
	if err := os.WriteFile(filepath.Join(at(t, dir).data(), "PG_VERSION"), []byte("12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir, CacheDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "needs PostgreSQL 12 and only") {
		t.Errorf("got %v", err)
	}
}

func TestServerThatDiesTellsWhy(t *testing.T) {
	dir := reachableDir(t)
	mustClose(t, mustStart(t, dir))
	conf := filepath.Join(at(t, dir).data(), "postgresql.auto.conf")
	if err := os.WriteFile(conf, []byte("shared_preload_libraries = 'missing'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir, Fast: true})
	if err == nil || !strings.Contains(err.Error(), `could not access file "missing"`) {
		t.Errorf("got %v", err)
	}
	if runs(at(t, dir)) {
		t.Error("processes are left")
	}
}

func TestCancelWhileTheServerDoesNotAnswer(t *testing.T) {
	dir := reachableDir(t)
	f := nowhere()
	mute := stub(t, map[string]string{
		"initdb":   "echo 15 > \"$2/PG_VERSION\"",
		"postgres": "case $1 in --version) " + version("15.1") + ";; *) echo > \"$2/called\"; exec sleep 600;; esac",
	})
	f.path = func() []string { return []string{mute} }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := start(ctx, Config{Dir: dir}, f)
		ended <- err
	}()
	await(t, "the mute server", func() bool {
		_, err := os.Stat(filepath.Join(dir, "data", "called"))
		return err == nil
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if runs(at(t, dir)) {
		t.Error("the mute server is left")
	}
}

// web answers all requests of the library.
type web func(*http.Request) (*http.Response, error)

func (w web) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func TestFetch(t *testing.T) {
	var answer atomic.Pointer[web]
	usual := http.DefaultTransport
	http.DefaultTransport = web(func(r *http.Request) (*http.Response, error) { return (*answer.Load())(r) })
	t.Cleanup(func() { http.DefaultTransport = usual })
	network := func(w web) { answer.Store(&w) }
	cache := reachableDir(t)
	t.Setenv("TMPDIR", filepath.Dir(cache)) // the library leaves a log there
	f := nowhere()
	f.fetch = fetch
	acct, err := serverAccount("")
	if err != nil {
		t.Fatal(err)
	}
	p := place{dir: "d", home: "d", account: acct}

	network(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") })
	if _, err := f.find(t.Context(), Config{CacheDir: cache}, p, 0); !errors.Is(err, errNoPrograms) {
		t.Errorf("without network: %v", err)
	}

	silent := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	network(func(*http.Request) (*http.Response, error) {
		cancel()
		<-silent
		return nil, errors.New("no answer")
	})
	if _, err := f.find(ctx, Config{CacheDir: cache}, p, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	close(silent)

	asked := 0
	network(func(r *http.Request) (*http.Response, error) {
		asked++
		if !strings.HasSuffix(r.URL.Path, ".jar") {
			return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody}, nil
		}
		jar := archive(t)
		return &http.Response{
			StatusCode: http.StatusOK, ContentLength: int64(len(jar)),
			Body: io.NopCloser(bytes.NewReader(jar)),
		}, nil
	})
	want := programs{filepath.Join(cache, "postgresql-18.3.0", "bin"), 18}
	for range 2 {
		if got, err := f.find(t.Context(), Config{CacheDir: cache}, p, 0); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	if asked != 2 { // the archive and its checksum, once
		t.Errorf("asked %d times", asked)
	}
}

// archive returns a package as Maven has it, with scripts that print their version.
func archive(t *testing.T) []byte {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(txz)
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	file, err := w.Create("postgres.txz")
	if err == nil {
		_, err = file.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// txz returns an archive of bin/initdb, bin/pg_ctl and bin/postgres.
const txz = "/Td6WFoAAAFpIt42AgAhARwAAAAQz1jM4Cf/ALVdADEaShsFkZA3OlG9V3Gz1uEhGuzodTR9POemV5xBuI5pdqsf/+4UwN7nrRvp" +
	"QeMYrrzpHOVTf9fNVsEorIde5BIhUWSfMIWooZXhHPbq2o6BdJqk5fS7wuji1Ldy1AZ0vcpSMzPMNnn6NSF4CoVGOfAByMNz6Xk1" +
	"JqCrXA5iPuq+hsfvyYFkFRyoBFk/7bcYdllFgm9JhqsQpnGroG+2V2Pz+MkCC/0DgLDgVBs7mMcy9iqwMwAAAAAA93X9WQABzQGA" +
	"UAAAjGim0j4wDYsCAAAAAAFZWg=="
