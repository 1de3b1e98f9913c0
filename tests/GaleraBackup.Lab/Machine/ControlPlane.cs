namespace GaleraBackup.Lab.Machine;

/// <summary>The processes of the lab, and the files that configure them.</summary>
internal sealed class ControlPlane(LabPaths paths, LabParts parts)
{
    public const string Etcd = "etcd";
    public const string Containerd = "containerd";
    public const string ApiServer = "kube-apiserver";
    public const string ControllerManager = "kube-controller-manager";
    public const string Scheduler = "kube-scheduler";
    public const string Kubelet = "kubelet";
    public const string Daemon = "lab-daemon";

    /// <summary>In the order they start.</summary>
    public IReadOnlyDictionary<string, LabProcess> Processes { get; } = Define(paths, parts).ToDictionary(process => process.Name);

    public LabProcess this[string name] => Processes[name];

    /// <summary>Writes what the processes read. Names those whose configuration has changed: they read it only when they start.</summary>
    public async Task<IReadOnlyList<string>> WriteConfigurationAsync(Certificates certificates, CancellationToken cancellationToken)
    {
        foreach (var folder in (string[])["run", "log", "cni/conf", "cni/data", "containerd", "kubelet/volume-plugins"])
        {
            Directory.CreateDirectory(Path.Combine(paths.State, folder));
        }

        var users = new (string Name, string User, string[] Groups)[]
        {
            ("controller-manager", "system:kube-controller-manager", []),
            ("scheduler", "system:kube-scheduler", []),
            ("kubelet", $"system:node:{Lab.Node}", ["system:nodes"]),
            ("labdns", "labdns", []),
            ("labcontroller", "labcontroller", []),
        };
        foreach (var (name, user, groups) in users)
        {
            if (!File.Exists(KubeConfig(paths, name)))
            {
                certificates.WriteKubeConfig(KubeConfig(paths, name), user, groups);
            }
        }

        if (!File.Exists(paths.KubeConfig))
        {
            certificates.WriteKubeConfig(paths.KubeConfig, "lab-admin", "system:masters");
        }

        var state = paths.State;
        // Pods' names are answered by the lab; there is nobody to ask for others.
        await File.WriteAllTextAsync(Path.Combine(paths.Run, "resolv.conf"), "", cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(state, "cni/conf/10-lab.conflist"), $$"""
            {"cniVersion": "0.4.0", "name": "lab", "plugins": [
              {"type": "bridge", "bridge": "{{LabNetwork.Bridge}}", "isGateway": false, "ipMasq": false, "mtu": 1500,
               "ipam": {"type": "host-local", "dataDir": "{{state}}/cni/data",
                 "ranges": [[{"subnet": "{{LabNetwork.PodNetwork}}", "rangeStart": "10.250.0.{{LabNetwork.FirstPod}}", "rangeEnd": "10.250.0.{{LabNetwork.LastPod}}"}]],
                 "routes": [{"dst": "{{LabNetwork.ApiAddress}}/32", "gw": "{{LabNetwork.HostAddress}}"}] } }]}

            """, cancellationToken);

        // restrict_oom_score_adj: a container without CAP_SYS_RESOURCE may be all that root has here.
        var changed = new List<string>();
        await WriteAsync(Containerd, paths.ContainerdConfig, $"""
            version = 2
            root = "{state}/containerd/root"
            state = "{state}/containerd/state"
            disabled_plugins = [
              "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
              "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
            [grpc]
              address = "{paths.ContainerdSocket}"
            [plugins."io.containerd.internal.v1.opt"]
              path = "{state}/containerd/opt"
            [plugins."io.containerd.grpc.v1.cri"]
              sandbox_image = "lab.local/pause:1"
              restrict_oom_score_adj = true
              disable_apparmor = true
              tolerate_missing_hugetlb_controller = true
              stream_server_address = "127.0.0.1"
              [plugins."io.containerd.grpc.v1.cri".cni]
                bin_dir = "{parts.CniPlugins}"
                conf_dir = "{state}/cni/conf"
              [plugins."io.containerd.grpc.v1.cri".containerd]
                snapshotter = "overlayfs"
                default_runtime_name = "runc"
                [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
                  runtime_type = "io.containerd.runc.v2"
                  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
                    SystemdCgroup = false

            """);
        // The images cannot be pulled again, so nothing may ever collect them; and a full disk is for the tests to make.
        await WriteAsync(Kubelet, paths.KubeletConfig, $$"""
            apiVersion: kubelet.config.k8s.io/v1beta1
            kind: KubeletConfiguration
            address: {{LabNetwork.HostAddress}}
            healthzBindAddress: 127.0.0.1
            authentication:
              anonymous: {enabled: false}
              webhook: {enabled: true}
              x509: {clientCAFile: {{certificates.Authority}}}
            authorization: {mode: Webhook}
            tlsCertFile: {{certificates.File("kubelet-server.crt")}}
            tlsPrivateKeyFile: {{certificates.File("kubelet-server.key")}}
            cgroupDriver: cgroupfs
            failSwapOn: false
            clusterDNS: [{{LabNetwork.HostAddress}}]
            clusterDomain: cluster.local
            resolvConf: {{paths.Run}}/resolv.conf
            makeIPTablesUtilChains: false
            oomScoreAdj: 0
            maxPods: 50
            syncFrequency: 10s
            imageGCHighThresholdPercent: 100
            imageGCLowThresholdPercent: 99
            evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
            nodeStatusUpdateFrequency: 5s

            """);
        return changed;

        async Task WriteAsync(string process, string path, string text)
        {
            if (!File.Exists(path) || await File.ReadAllTextAsync(path, cancellationToken) != text)
            {
                await File.WriteAllTextAsync(path, text, cancellationToken);
                changed.Add(process);
            }
        }
    }

    public static string KubeConfig(LabPaths paths, string name) => Path.Combine(paths.Run, $"{name}.kubeconfig");

    private static string VolumePlugins(LabPaths paths) => Path.Combine(paths.State, "kubelet/volume-plugins");

    private static IEnumerable<LabProcess> Define(LabPaths paths, LabParts parts)
    {
        string Program(string name) => Path.Combine(parts.Kubernetes, name);
        string Key(string name) => Path.Combine(paths.Pki, name);

        yield return new LabProcess(paths, Etcd, parts.Etcd,
        [
            "--name=lab",
            $"--data-dir={paths.State}/etcd",
            $"--listen-client-urls=http://127.0.0.1:{LabNetwork.EtcdPort}",
            $"--advertise-client-urls=http://127.0.0.1:{LabNetwork.EtcdPort}",
            $"--listen-peer-urls=http://127.0.0.1:{LabNetwork.EtcdPeerPort}",
            $"--initial-advertise-peer-urls=http://127.0.0.1:{LabNetwork.EtcdPeerPort}",
            $"--initial-cluster=lab=http://127.0.0.1:{LabNetwork.EtcdPeerPort}",
            "--auto-compaction-retention=1",
            "--log-level=warn",
        ]);
        yield return new LabProcess(paths, Containerd, parts.Containerd, ["--config", paths.ContainerdConfig])
        {
            Environment = new Dictionary<string, string> { ["PATH"] = $"{parts.RuntimePath}:{Tool.SearchPath}" },
        };
        yield return new LabProcess(paths, ApiServer, Program(ApiServer),
        [
            "--bind-address=127.0.0.1",
            $"--secure-port={LabNetwork.ApiPort}",
            $"--etcd-servers=http://127.0.0.1:{LabNetwork.EtcdPort}",
            $"--service-cluster-ip-range={LabNetwork.ServiceNetwork}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--anonymous-auth=false",
            "--allow-privileged=true",
            $"--client-ca-file={Key("ca.crt")}",
            $"--tls-cert-file={Key("apiserver.crt")}",
            $"--tls-private-key-file={Key("apiserver.key")}",
            $"--kubelet-client-certificate={Key("apiserver-kubelet-client.crt")}",
            $"--kubelet-client-key={Key("apiserver-kubelet-client.key")}",
            $"--kubelet-certificate-authority={Key("ca.crt")}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            $"--service-account-signing-key-file={Key("sa.key")}",
            $"--service-account-key-file={Key("sa.pub")}",
            "--endpoint-reconciler-type=none",
            $"--advertise-address={LabNetwork.HostAddress}",
            $"--cert-dir={paths.Run}",
            "--v=1",
        ]);
        yield return new LabProcess(paths, ControllerManager, Program(ControllerManager),
        [
            $"--kubeconfig={KubeConfig(paths, "controller-manager")}",
            "--bind-address=127.0.0.1",
            "--secure-port=10257",
            "--port=0",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            $"--service-account-private-key-file={Key("sa.key")}",
            $"--root-ca-file={Key("ca.crt")}",
            $"--cluster-signing-cert-file={Key("ca.crt")}",
            $"--cluster-signing-key-file={Key("ca.key")}",
            $"--flex-volume-plugin-dir={VolumePlugins(paths)}",
            $"--cert-dir={paths.Run}",
            "--v=1",
        ]);
        yield return new LabProcess(paths, Scheduler, Program(Scheduler),
        [
            $"--kubeconfig={KubeConfig(paths, "scheduler")}",
            "--bind-address=127.0.0.1",
            "--secure-port=10259",
            "--port=0",
            "--leader-elect=false",
            $"--cert-dir={paths.Run}",
            "--v=1",
        ]);
        yield return new LabProcess(paths, Kubelet, Program(Kubelet),
        [
            $"--config={paths.KubeletConfig}",
            $"--kubeconfig={KubeConfig(paths, "kubelet")}",
            $"--root-dir={paths.State}/kubelet",
            $"--cert-dir={paths.State}/kubelet/pki",
            $"--volume-plugin-dir={VolumePlugins(paths)}",
            $"--hostname-override={Lab.Node}",
            $"--node-ip={LabNetwork.HostAddress}",
            "--container-runtime=remote",
            $"--container-runtime-endpoint=unix://{paths.ContainerdSocket}",
            "--pod-infra-container-image=lab.local/pause:1",
            "--v=2",
        ])
        {
            // This kubelet has a cloud provider's credential helper built in, which asks the link-local metadata address otherwise.
            Environment = new Dictionary<string, string> { ["AWS_EC2_METADATA_DISABLED"] = "true" },
        };
    }
}
