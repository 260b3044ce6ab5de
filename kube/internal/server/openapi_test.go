package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emicklei/go-restful/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

// Two groups of an API, and how upstream would describe them.
func exampleAPI() (*restful.Container, *common.Config, *common.OpenAPIV3Config) {
	group := func(path, operation string, model any) *restful.WebService {
		ws := new(restful.WebService)
		ws.Path(path).Produces("application/json")
		return ws.Route(ws.GET("/things").Operation(operation).Returns(http.StatusOK, "OK", model).Writes(model).
			To(func(*restful.Request, *restful.Response) {}))
	}
	container := restful.NewContainer().
		Add(group("/api/v1", "listCore", corev1.PodList{})).
		Add(group("/apis/apps/v1", "listApps", appsv1.DeploymentList{}))
	namer := apiopenapi.NewDefinitionNamer(legacyscheme.Scheme)
	return container, genericapiserver.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, namer),
		genericapiserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, namer)
}

func TestInstallOpenAPI(t *testing.T) {
	container, v2, v3 := exampleAPI()
	upstream := mux.NewPathRecorderMux("upstream")
	routes.OpenAPI{Config: v2}.InstallV2(container, upstream)
	routes.OpenAPI{V3Config: v3}.InstallV3(container, upstream)
	get := func(h http.Handler, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}

	ours := mux.NewPathRecorderMux("ours")
	s := &genericapiserver.GenericAPIServer{Handler: &genericapiserver.APIServerHandler{GoRestfulContainer: container, NonGoRestfulMux: ours}}
	if err := installOpenAPI(s, v2, v3, time.Unix(0x1234, 0)); err != nil {
		t.Fatal(err)
	}
	v3.Definitions = nil // as serveAPI does before it serves

	for _, path := range []string{"/openapi/v2", "/openapi/v3/api/v1", "/openapi/v3/apis/apps/v1"} {
		got, want := get(ours, path), get(upstream, path)
		if got.Code != http.StatusOK || got.Body.String() != want.Body.String() || got.Header().Get("Etag") != want.Header().Get("Etag") {
			t.Errorf("GET %s = %d, %d bytes, ETag %s; want 200, %d bytes, ETag %s", path,
				got.Code, got.Body.Len(), got.Header().Get("Etag"), want.Body.Len(), want.Header().Get("Etag"))
		}
	}
	list := get(ours, "/openapi/v3").Body.String()
	const want = `{"paths":{"api/v1":{"serverRelativeURL":"/openapi/v3/api/v1?start=1234"},"apis/apps/v1":{"serverRelativeURL":"/openapi/v3/apis/apps/v1?start=1234"}}}`
	if list != want {
		t.Errorf("GET /openapi/v3 = %s; want %s", list, want)
	}
	if w := get(ours, "/openapi/v3/apis/none/v1"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown group is answered with %d; want 404", w.Code)
	}
	if got, want := strings.Join(ours.ListedPaths(), " "), strings.Join(upstream.ListedPaths(), " "); got != want {
		t.Errorf("paths %s; want upstream's %s", got, want)
	}
}
