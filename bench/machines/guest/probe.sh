#!/bin/sh
# Watches a node from inside and reports to the console $1: how far the boot came, when a first pod answers, what memory
# is used. With k3os-bench.pods=COUNT on the kernel's command line it starts so many pods instead of the first one. The
# same program on every machine that is compared, so that it costs each of them the same.
# Waits with shell builtins and two forks a second: under emulation everything else would be measured, too.
exec >"$1" 2>/dev/null </dev/null
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
patience=400
stages=/run/k3s/stages.json
dir=/run/k3os-bench

say() {
	read -r up _ </proc/uptime
	echo "@$up $*"
}

# Waits until the k3s binary has reported the stage $1, at most until the kernel's clock shows $2 seconds.
await() {
	while :; do
		while read -r line; do
			case $line in *"\"$1\""*) return 0 ;; esac
		done <$stages
		read -r up _ </proc/uptime
		[ "${up%.*}" -lt "$2" ] || return 1
		sleep 0.5
	done
}

# Waits until the objects at the address $1, which is a watch, have the text $2 in them; leaves the event in $event.
watch() {
	rm -f $dir/events
	mkfifo $dir/events
	curl $access -N -m "$patience" "$1" >$dir/events &
	watcher=$!
	found=1
	while read -r event; do
		case $event in *"$2"*)
			found=0
			break
			;;
		esac
	done <$dir/events
	kill $watcher
	return $found
}

# How the memory is used.
meminfo() {
	read -r up _ </proc/uptime
	while read -r line; do echo "@$up meminfo $line"; done </proc/meminfo
}

# The processor time so far, in hundredths of a second: of the whole machine, and of k3s, containerd and each shim, with
# that of the children that it has waited for. $1 says which look this is.
spent() {
	read -r up _ </proc/uptime
	read -r _ user nice system _ _ irq softirq _ </proc/stat
	echo "@$up spent $1 machine $((user + nice + system + irq + softirq)) 0"
	for process in /proc/[0-9]*; do
		read -r command _ <"$process/comm"
		owner=
		case $command in
		k3s*)
			case $(tr '\0' ' ' <"$process/cmdline") in
			containerd*) owner=containerd ;;
			*" server "*) owner=k3s ;;
			esac
			;;
		containerd-shim*) owner=shims ;;
		esac
		[ -n "$owner" ] || continue
		read -r numbers <"$process/stat"
		set -- "$1" ${numbers##*) }
		echo "@$up spent $1 $owner $((${13} + ${14})) $((${15} + ${16}))"
	done
}

fail() {
	say fail "$1"
	for log in /var/log/k3s-service.log /run/k3os-bench/k3s.log; do
		[ -r "$log" ] && tail -n 60 "$log"
	done
	command -v journalctl >/dev/null && journalctl --no-pager -o cat -n 60 -u k3s
	say done
	exit 1
}

# Waits until cluster DNS is ready, and at least until 30 s after the node was.
await_dns() {
	watch "$server/apis/apps/v1/namespaces/kube-system/deployments?watch=1&fieldSelector=metadata.name=coredns" \
		'"readyReplicas":1' || fail "CoreDNS was not ready after $patience s"
	say reached coredns
	dns=$up
	rest=$((ready + 30 - ${up%.*}))
	[ $rest -le 0 ] || sleep $rest
}

# Starts $1 pods, and reports each number of them that are ready.
start_many() {
	deployments=$server/apis/apps/v1/namespaces/default/deployments
	cat >$dir/many.json <<-EOF
		{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"many"},"spec":{"replicas":$1,
		"selector":{"matchLabels":{"app":"many"}},"template":{"metadata":{"labels":{"app":"many"}},"spec":{
		"containers":[{"name":"pause","image":"k3os.io/pause:1","imagePullPolicy":"Never"}]}}}}
	EOF
	meminfo | sed 's/ meminfo / meminfobefore /'
	spent before
	say mark create
	curl $access -f -o $dir/answer -H 'Content-Type: application/json' -d @$dir/many.json $deployments 2>$dir/error ||
		fail "the deployment could not be created: $(cat $dir/error)"
	seen=0
	until [ "$seen" = "$1" ]; do
		rm -f $dir/counts
		mkfifo $dir/counts
		# As a table, an event is short: the shell reads it byte by byte. The server ends a watch after half an hour.
		curl $access -N -H 'Accept: application/json;as=Table;g=meta.k8s.io;v=v1' \
			"$deployments?watch=1&includeObject=None&fieldSelector=metadata.name=many" >$dir/counts &
		watcher=$!
		while read -r event; do
			count=${event%%"/$1\""*} # the column READY: "3/100"
			count=${count##*'"'}
			[ "$count" != "$seen" ] || continue
			seen=$count
			say running "$seen"
			[ "$seen" != "$1" ] || break
		done <$dir/counts
		kill $watcher
		[ "$seen" = "$1" ] || sleep 1
	done
	spent after
	meminfo
	events=$server/api/v1/namespaces/default/events?fieldSelector=type=Warning,involvedObject.kind=Pod
	curl $access "$events" | tr , '\n' | sed -n 's/^ *"reason": *"\(.*\)"/\1/p' | sort | uniq -c |
		while read -r times reason; do say warning "$times" "$reason"; done
}

say hello
many=
read -r words </proc/cmdline
for word in $words; do
	case $word in k3os-bench.pods=*) many=${word#*=} ;; esac
done
await node-ready "$patience" || fail "the node was not Ready after $patience s"
read -r ready _ </proc/uptime
ready=${ready%.*}
say reached ready

# Access to the API with the administrator's certificate; kubectl itself would be the larger part of the measurement.
mkdir -p $dir
for name in certificate-authority-data client-certificate-data client-key-data; do
	sed -n "s/^ *$name: //p" /etc/rancher/k3s/k3s.yaml | base64 -d >$dir/$name
done
server=https://127.0.0.1:6443
pods=$server/api/v1/namespaces/default/pods
access="-sS --cacert $dir/certificate-authority-data --cert $dir/client-certificate-data --key $dir/client-key-data"
if [ -n "$many" ]; then
	await_dns
	start_many "$many"
	say done
	exit
fi

# The image is there already and nearly empty; the web server is the machine's own busybox.
cat >$dir/pod.json <<'EOF'
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bench"},"spec":{
"terminationGracePeriodSeconds":0,"automountServiceAccountToken":false,"enableServiceLinks":false,
"containers":[{"name":"web","image":"k3os.io/pause:1","imagePullPolicy":"Never",
"command":["/usr/bin/busybox","httpd","-f","-p","8080","-h","/usr/lib"],
"volumeMounts":[{"name":"usr","mountPath":"/usr","readOnly":true},{"name":"lib","mountPath":"/lib","readOnly":true},
{"name":"lib64","mountPath":"/lib64","readOnly":true}]}],
"volumes":[{"name":"usr","hostPath":{"path":"/usr"}},{"name":"lib","hostPath":{"path":"/usr/lib"}},
{"name":"lib64","hostPath":{"path":"/usr/lib64"}}]}}
EOF
say mark create
tries=0
until curl $access -f -o $dir/answer -H 'Content-Type: application/json' -d @$dir/pod.json $pods 2>$dir/error; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || fail "the pod could not be created: $(cat $dir/error)"
	sleep 0.2
done
say reached "created after $tries refusals"
watch "$pods?watch=1&fieldSelector=metadata.name=bench" '"podIP":"' ||
	fail "the pod got no address within $patience s: $(curl $access "$pods/bench")"
ip=${event#*\"podIP\":\"}
ip=${ip%%\"*}
say reached address
tries=0
until curl -s -m 2 -f -o /dev/null "http://$ip:8080/os-release"; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || fail "the pod at $ip did not answer: $(curl $access "$pods/bench")"
	sleep 0.1
done
say mark pod
curl $access -o /dev/null -X DELETE "$pods/bench?gracePeriodSeconds=0"

await_dns

# How long a user waits for a command that finds nothing to do. The first run is left out, because it loads the program
# into memory.
if [ -e /run/k3os/plan.json ]; then
	k3os apply
	for time in $(bash -c 'TIMEFORMAT=%R; for i in 1 2 3 4 5 6 7 8 9; do time k3os apply; done' 2>&1); do say apply "$time"; done
fi

say memory
meminfo
for process in /proc/[0-9]*; do
	[ "$process" != "/proc/$$" ] || continue
	rss= pss= anonymous= cgroup=
	while read -r key value _; do
		case $key in Rss:) rss=$value ;; Pss:) pss=$value ;; Pss_Anon:) anonymous=$value ;; esac
	done <"$process/smaps_rollup"
	[ -n "$rss" ] || continue # a kernel thread
	read -r cgroup <"$process/cgroup"
	echo "@$up process $rss $pss $anonymous ${cgroup#0::} $(tr '\0\n' '  ' <"$process/cmdline" | cut -c1-160)"
done
# Kubernetes' own files, where they lie in memory.
for place in /var/lib/rancher /var/lib/kubelet /var/lib/cni /var/log/pods /run/k3s /run/containerd; do
	[ "$(stat -f -c %T $place)" = tmpfs ] && echo "@$up tmpfs $(du -skx $place | tr '\t' ' ')"
done
echo "@$up kernel $(dmesg | grep -m1 'as init process')"
for file in /run/k3os/boot.json $stages; do
	while read -r line; do echo "@$up stage $line"; done <$file
done
# Later than the truth by the time that the first pod took, so it counts only where k3s does not say it itself.
echo "@$dns mark coredns"
say done
