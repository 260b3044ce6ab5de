package translations

// For the tests, which must be another package: this one may not need what is initialised after it.
var (
	Spared    = func() bool { return spared }
	IsKubectl = isKubectl
)
