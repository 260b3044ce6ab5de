package localpath

import _ "embed"

// Name is what --disable calls local storage.
const Name = "local-storage"

// Manifest is the StorageClass. Servers need no role for the rest: they are the cluster's administrators.
//
//go:embed manifest.yaml
var Manifest []byte
