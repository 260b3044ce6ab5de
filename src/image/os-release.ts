/** /usr/lib/os-release as freedesktop.org describes it. */
export function osRelease(version: string): string {
  return `NAME="k3OS"
PRETTY_NAME="k3OS v${version}"
ID=k3os
ID_LIKE=debian
VERSION="v${version}"
VERSION_ID="v${version}"
IMAGE_ID=k3os
IMAGE_VERSION="${version}"
HOME_URL="https://github.com/rancher/k3os"
`;
}
