package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/cached"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/common/restfuladapter"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

var errNotComposed = errors.New("the API server is not composed as expected")

// installOpenAPI makes target, the server of Kubernetes' own API, describe that API when somebody asks, and only the
// part that he asks for. Upstream describes everything before it serves, which is a quarter of a start, and keeps all
// of it, although few nodes are ever asked. It goes with SkipOpenAPIInstallation, and must come before the aggregator,
// which passes these documents on, prepares to run.
//
// The documents are upstream's. Only the addresses in /openapi/v3, the list, carry the start of this process instead of
// their documents' hashes: to know those is to build every document, and an admission plugin reads the list every five
// seconds. To a client that caches by address a restart is a change; one that caches by ETag sees that nothing is new.
func installOpenAPI(target genericapiserver.DelegationTarget, v2 *common.Config, v3 *common.OpenAPIV3Config, start time.Time) error {
	s, ok := target.(*genericapiserver.GenericAPIServer)
	if !ok {
		return errNotComposed
	}
	services := s.Handler.GoRestfulContainer.RegisteredWebServices()
	mux := s.Handler.NonGoRestfulMux
	openAPIV2(services, v2).RegisterOpenAPIVersionedService("/openapi/v2", mux)

	groups := map[string]func() http.Handler{}
	list := handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
	for _, service := range services {
		group := strings.TrimPrefix(service.RootPath(), "/")
		groups[group] = sync.OnceValue(func() http.Handler { return openAPIV3(service, v3) })
		list.Paths[group] = handler3.OpenAPIV3DiscoveryGroupVersion{
			ServerRelativeURL: fmt.Sprintf("/openapi/v3/%s?start=%x", group, start.Unix()),
		}
	}
	document, err := json.Marshal(list)
	if err != nil {
		return err
	}
	mux.HandleFunc("/openapi/v3", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
	mux.HandlePrefix("/openapi/v3/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		group, ok := groups[strings.TrimPrefix(r.URL.Path, "/openapi/v3/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		group().ServeHTTP(w, r)
	}))
	return nil
}

func openAPIV2(services []*restful.WebService, config *common.Config) *handler.OpenAPIService {
	return handler.NewOpenAPIServiceLazy(cached.Once(cached.Func(func() (*spec.Swagger, string, error) {
		s, err := builder.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices(services), config)
		if err != nil {
			return nil, "", err
		}
		s.Definitions = handler.PruneDefaults(s.Definitions)
		return s, "built-in", nil // it never changes
	})))
}

// openAPIV3 serves the document of one group and version. Upstream can only describe whole servers, so it gets one that
// has nothing else.
func openAPIV3(service *restful.WebService, config *common.OpenAPIV3Config) http.Handler {
	alone := mux.NewPathRecorderMux(service.RootPath())
	routes.OpenAPI{V3Config: config}.InstallV3(restful.NewContainer().Add(service), alone)
	return alone
}
