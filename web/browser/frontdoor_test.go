package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/conformance/need"
)

// The whole program, as a newcomer has it who runs kith demo --auth on: somebody's day through all rooms of the front door, and every way from the hub for oneself, in
// large print, and on somebody's behalf.
func TestTheFrontDoorOfTheWholeProgram(t *testing.T) {
	chromium := found(t, "../../scripts/chromium")
	if _, err := os.Stat("../node_modules/playwright-core"); err != nil {
		need.Skip(t, "web/node_modules is not there (scripts/setup css)")
	}
	input, err := json.Marshal(map[string]any{"chromium": chromium, "site": demoOn(t)})
	if err != nil {
		t.Fatal(err)
	}
	drive(t, "frontdoor.mjs", input, 8)
}

// demoOn starts the demonstration with sign-in and waits until its town is filled.
func demoOn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	kith := filepath.Join(dir, "kith")
	if out, err := exec.Command("go", "build", "-o", kith, "../../cmd/kith").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	demo := exec.CommandContext(ctx, kith, "demo", "--auth", "on", "--people", "60", "--speed", "0", "--addr", "localhost:"+port, "--data", filepath.Join(dir, "data"))
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	demo.WaitDelay = 20 * time.Second
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	demo.Stderr = demo.Stdout
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); demo.Wait() })
	filled := make(chan string, 1)
	go func() {
		var said []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if said = append(said, lines.Text()); strings.Contains(lines.Text(), "is filled") {
				filled <- ""
			}
			if strings.Contains(lines.Text(), "could not go on") {
				filled <- lines.Text()
			}
		}
		filled <- strings.Join(said, "\n")
	}()
	select {
	case wrong := <-filled:
		if wrong != "" {
			t.Fatal(wrong)
		}
	case <-time.After(3 * time.Minute):
		t.Fatal("the town is not filled after three minutes")
	}
	return "http://localhost:" + port
}
