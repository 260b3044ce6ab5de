package metrics

import (
	"context"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	informers "k8s.io/kube-aggregator/pkg/client/informers/externalversions/apiregistration/v1"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"k3os.io/kube/internal/loop"
)

// apiServiceName is the object by which an API server is told who serves the group.
var apiServiceName = v1beta1.SchemeGroupVersion.Version + "." + v1beta1.SchemeGroupVersion.Group

const retry = 10 * time.Second

// A Registration keeps the APIService of the group, by the API server's own cache of them.
//
// One that leads to a Service is somebody's own metrics-server, and wins: the API server passes requests on to it, so
// nobody asks us. When that one is deleted, ours comes back.
type Registration struct {
	services informers.APIServiceInformer
	client   clientset.Interface
	wanted   bool
	log      func(string)
	changed  loop.Signal
	foreign  string // whose was told last
}

// NewRegistration has to be called before the informers start. Without wanted, Run takes away what an earlier start
// has left.
func NewRegistration(services informers.APIServiceInformer, client clientset.Interface, wanted bool) (*Registration, error) {
	r := &Registration{services: services, client: client, wanted: wanted, changed: loop.NewSignal()}
	r.log = func(s string) { fmt.Fprintf(os.Stderr, "k3s: %s\n", s) }
	r.changed.Give()
	if !wanted {
		return r, nil
	}
	note := func(obj any) {
		if name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj); err == nil && name == apiServiceName {
			r.changed.Give()
		}
	}
	_, err := services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: note, UpdateFunc: func(_, obj any) { note(obj) }, DeleteFunc: note,
	})
	return r, err
}

// Run follows the APIService until ctx ends, or, if it is not wanted, until it is gone once: other servers may want it.
func (r *Registration) Run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), r.services.Informer().HasSynced) {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
		}
		err := r.sync(ctx)
		if err == nil && !r.wanted {
			return
		}
		if err != nil && ctx.Err() == nil {
			r.log(fmt.Sprintf("cannot register metrics.k8s.io, will try again: %v", err))
			time.AfterFunc(retry, r.changed.Give)
		}
	}
}

func (r *Registration) sync(ctx context.Context) error {
	now, err := r.services.Lister().Get(apiServiceName)
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return err
	}
	services := r.client.ApiregistrationV1().APIServices()
	switch {
	case missing && r.wanted:
		_, err := services.Create(ctx, localAPIService(), metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil // another server was faster
		}
		return err
	case missing:
		return nil
	case now.Spec.Service != nil:
		r.tellForeign(now.Spec.Service)
		return nil
	case !r.wanted:
		of := metav1.Preconditions{UID: &now.UID, ResourceVersion: &now.ResourceVersion}
		err := services.Delete(ctx, apiServiceName, metav1.DeleteOptions{Preconditions: &of})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	default:
		r.foreign = ""
		return nil
	}
}

func (r *Registration) tellForeign(s *apiregistration.ServiceReference) {
	name := s.Namespace + "/" + s.Name
	if !r.wanted || name == r.foreign {
		return
	}
	r.foreign = name
	r.log(fmt.Sprintf("metrics.k8s.io is served by the Service %s, not by this server; `kubectl delete apiservice %s` changes that", name, apiServiceName))
}

// localAPIService leads to the API server itself, because it names no Service.
func localAPIService() *apiregistration.APIService {
	return &apiregistration.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: apiServiceName, Labels: map[string]string{"app.kubernetes.io/managed-by": "k3s"}},
		Spec: apiregistration.APIServiceSpec{
			Group: v1beta1.SchemeGroupVersion.Group, Version: v1beta1.SchemeGroupVersion.Version,
			GroupPriorityMinimum: 100, VersionPriority: 100,
		},
	}
}
