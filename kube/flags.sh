# How everything in this module is compiled; sourced by build.sh and test.sh. Tests share the build's flags so that they
# find its packages in the cache: compiling Kubernetes a second time would take minutes.
export CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false"
tags=netgo,osusergo,providerless,no_btrfs,no_devmapper,no_zfs
