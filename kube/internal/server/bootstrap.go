package server

import (
	"context"
	"math"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-helpers/auth/rbac/reconciliation"
	"k8s.io/klog/v2"
	schedulingv1 "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// writers is how many objects are written side by side: so many that they share the syncs of the disk.
const writers = 16

// bootstrapRBAC brings Kubernetes' own roles and bindings up to date by upstream's rules. It lists what exists first,
// so a start that finds everything in place costs four requests instead of three hundred.
func bootstrapRBAC(hook genericapiserver.PostStartHookContext) error {
	return eventually(hook, "Kubernetes' own roles", func(ctx context.Context) error {
		client, err := kubernetes.NewForConfig(hook.LoopbackClientConfig)
		if err != nil {
			return err
		}
		jobs, err := rbacJobs(ctx, client)
		if err != nil {
			return err
		}
		return inParallel(jobs)
	})
}

func rbacJobs(ctx context.Context, client kubernetes.Interface) (jobs []func() error, err error) {
	rbac := client.RbacV1()
	var opts metav1.ListOptions
	clusterRoles, err := rbac.ClusterRoles().List(ctx, opts)
	if err != nil {
		return nil, err
	}
	clusterRoleBindings, err := rbac.ClusterRoleBindings().List(ctx, opts)
	if err != nil {
		return nil, err
	}
	roles, err := rbac.Roles("").List(ctx, opts)
	if err != nil {
		return nil, err
	}
	roleBindings, err := rbac.RoleBindings("").List(ctx, opts)
	if err != nil {
		return nil, err
	}

	haveRoles := known[reconciliation.RuleOwner]{}
	for i := range clusterRoles.Items {
		haveRoles.add("", clusterRoles.Items[i].Name, reconciliation.ClusterRoleRuleOwner{ClusterRole: &clusterRoles.Items[i]})
	}
	for i, r := range roles.Items {
		haveRoles.add(r.Namespace, r.Name, reconciliation.RoleRuleOwner{Role: &roles.Items[i]})
	}
	haveBindings := known[reconciliation.RoleBinding]{}
	for i := range clusterRoleBindings.Items {
		haveBindings.add("", clusterRoleBindings.Items[i].Name, reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: &clusterRoleBindings.Items[i]})
	}
	for i, b := range roleBindings.Items {
		haveBindings.add(b.Namespace, b.Name, reconciliation.RoleBindingAdapter{RoleBinding: &roleBindings.Items[i]})
	}

	role := func(r reconciliation.RuleOwner, m reconciliation.RuleOwnerModifier) {
		o := reconciliation.ReconcileRoleOptions{Role: r, Client: knownRoles{m, haveRoles}, Confirm: true}
		jobs = append(jobs, func() error { _, err := o.Run(); return err })
	}
	binding := func(b reconciliation.RoleBinding, m reconciliation.RoleBindingModifier) {
		o := reconciliation.ReconcileRoleBindingOptions{RoleBinding: b, Client: knownBindings{m, haveBindings}, Confirm: true}
		jobs = append(jobs, func() error { _, err := o.Run(); return err })
	}
	clusterRoleClient := reconciliation.ClusterRoleModifier{Client: rbac.ClusterRoles()}
	clusterBindingClient := reconciliation.ClusterRoleBindingClientAdapter{Client: rbac.ClusterRoleBindings()}
	roleClient := reconciliation.RoleModifier{Client: rbac, NamespaceClient: client.CoreV1().Namespaces()}
	bindingClient := reconciliation.RoleBindingClientAdapter{Client: rbac, NamespaceClient: client.CoreV1().Namespaces()}

	for _, rs := range [][]rbacv1.ClusterRole{bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()} {
		for i := range rs {
			role(reconciliation.ClusterRoleRuleOwner{ClusterRole: &rs[i]}, clusterRoleClient)
		}
	}
	for _, bs := range [][]rbacv1.ClusterRoleBinding{bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()} {
		for i := range bs {
			binding(reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: &bs[i]}, clusterBindingClient)
		}
	}
	for _, own := range []grant{networkGrant(), policyGrant()} {
		role(reconciliation.ClusterRoleRuleOwner{ClusterRole: &own.role}, clusterRoleClient)
		binding(reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: &own.binding}, clusterBindingClient)
	}
	for _, rs := range bootstrappolicy.NamespaceRoles() {
		for i := range rs {
			role(reconciliation.RoleRuleOwner{Role: &rs[i]}, roleClient)
		}
	}
	for _, bs := range bootstrappolicy.NamespaceRoleBindings() {
		for i := range bs {
			binding(reconciliation.RoleBindingAdapter{RoleBinding: &bs[i]}, bindingClient)
		}
	}
	return jobs, nil
}

// known answers Get from what was listed.
type known[T any] map[[2]string]T

func (k known[T]) add(namespace, name string, v T) { k[[2]string{namespace, name}] = v }

func (k known[T]) Get(namespace, name string) (T, error) {
	v, ok := k[[2]string{namespace, name}]
	if !ok {
		return v, apierrors.NewNotFound(rbacv1.Resource("roles"), name)
	}
	return v, nil
}

type knownRoles struct {
	reconciliation.RuleOwnerModifier
	have known[reconciliation.RuleOwner]
}

func (k knownRoles) Get(namespace, name string) (reconciliation.RuleOwner, error) {
	return k.have.Get(namespace, name)
}

type knownBindings struct {
	reconciliation.RoleBindingModifier
	have known[reconciliation.RoleBinding]
}

func (k knownBindings) Get(namespace, name string) (reconciliation.RoleBinding, error) {
	return k.have.Get(namespace, name)
}

// bootstrapPriorityClasses makes the two system classes, without which no packaged component can be created.
func bootstrapPriorityClasses(hook genericapiserver.PostStartHookContext) error {
	return eventually(hook, "the system's priority classes", func(ctx context.Context) error {
		client, err := kubernetes.NewForConfig(hook.LoopbackClientConfig)
		if err != nil {
			return err
		}
		for _, class := range schedulingv1.SystemPriorityClasses() {
			_, err := client.SchedulingV1().PriorityClasses().Create(ctx, class, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
		}
		return nil
	})
}

// quietFor is how long a try may fail before that is news: the API listens a moment later, and other servers start.
const quietFor = 10 * time.Second

// eventually tries until it works or the server ends. Upstream ends the process after half a minute. Here that would
// take a member from an etcd that has no majority yet, and therefore takes no writes.
func eventually(ctx context.Context, what string, try func(context.Context) error) error {
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 1.5, Steps: math.MaxInt, Cap: 5 * time.Second}
	begun := time.Now()
	err := backoff.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		err := try(ctx)
		if err != nil && time.Since(begun) > quietFor {
			klog.ErrorS(err, "The API is not ready: it cannot create "+what+", and tries again")
		}
		return err == nil, nil
	})
	if ctx.Err() != nil {
		return nil // an error would end the process at once, instead of one part after the other
	}
	return err
}

// inParallel runs all jobs, each again while it meets a conflict, and returns the first error.
func inParallel(jobs []func() error) error {
	queue := make(chan func() error)
	errs := make(chan error, len(jobs))
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for job := range queue {
				if err := retry.OnError(retry.DefaultBackoff, transient, job); err != nil {
					errs <- err
				}
			}
		})
	}
	for _, job := range jobs {
		queue <- job
	}
	close(queue)
	wg.Wait()
	close(errs)
	return <-errs
}

func transient(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsServiceUnavailable(err)
}
