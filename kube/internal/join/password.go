package join

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/token"
)

// PasswordFile is where k3s keeps the password of a node. k3OS keeps the directory over reboots.
const PasswordFile = "/etc/rancher/node/password"

// nodePassword reads the password that keeps other machines from taking this one's name, or makes it. On a machine
// without a disk, which would forget a random one, it is derived.
func nodePassword(file string, derived func() string) (string, error) {
	b, err := os.ReadFile(file)
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	password := token.RandomSecret()
	if isVolatile(file) {
		password = cmp.Or(derived(), password)
	}
	if err := files.Write(file, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("cannot keep the password of the node: %w", err)
	}
	return password, nil
}

// isVolatile tells whether a file, or the directory that it will be in, lies in memory.
func isVolatile(file string) bool {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err == nil {
			return fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC || fs.Type == unix.OVERLAYFS_SUPER_MAGIC
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// derivedPassword is the same after each boot of the same machine; "" if nothing tells it from others. Whoever knows
// the token and the machine's identity can make it, too, so it is weaker than a random one.
func derivedPassword(secret, nodeName string) string {
	identity := machineIdentity()
	if identity == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s\n%s", identity, nodeName)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// machineIdentity is the firmware's, or that of the network cards.
func machineIdentity() string {
	for _, file := range []string{"/sys/class/dmi/id/product_uuid", "/sys/firmware/devicetree/base/serial-number"} {
		b, err := os.ReadFile(file)
		id := strings.Trim(string(b), "\x00\n ")
		if err == nil && strings.Trim(id, "0f-") != "" { // some firmware has only zeros, or only ones
			return strings.ToLower(id)
		}
	}
	var macs []string
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range interfaces {
		// A card has a device; bridges and the like do not.
		if _, err := os.Stat("/sys/class/net/" + i.Name + "/device"); err == nil {
			macs = append(macs, i.HardwareAddr.String())
		}
	}
	slices.Sort(macs)
	return strings.Join(macs, " ")
}
