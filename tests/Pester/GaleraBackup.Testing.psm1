# What the Pester files share: records as the cmdlets emit them, folders in the vendor's layout, and fresh processes.

$script:ModulePath = [System.IO.Path]::GetFullPath("$PSScriptRoot/../../module/GaleraBackup")

function Get-ModulePath {
    # The folder that a user would import.
    [CmdletBinding()]
    [OutputType([string])]
    param()

    if (-not (Test-Path -LiteralPath "$ModulePath/bin/GaleraBackup.dll")) {
        throw 'The module is not built. Run: dotnet build'
    }

    $ModulePath
}

function Get-SampleCluster {
    # A report as Test-GaleraCluster emits it: all nodes Synced, unless said otherwise.
    [CmdletBinding()]
    param(
        [int[]] $Ordinal = @(0, 1, 2),

        # wsrep_local_state_comment of all nodes.
        [ValidateSet('Synced', 'Donor/Desynced', 'Joining')]
        [string] $State = 'Synced',

        # Ids of Error findings.
        [string[]] $Finding = @(),

        [string] $Namespace = 'openstack',

        [string] $KubeConfig,

        # More of the scope that the report carries.
        [hashtable] $Scope = @{}
    )

    $whole = $Scope + @{ Namespace = $Namespace; StatefulSet = 'mariadb-server' }
    if ($KubeConfig) {
        $whole.KubeConfig = $KubeConfig
    }

    $nodes = foreach ($number in $Ordinal) {
        $name = "mariadb-server-$number"
        [GaleraBackup.GaleraNode]@{
            Pod            = $name
            Ordinal        = $number
            KubernetesNode = "node-$number"
            Phase          = 'Running'
            Ready          = $State -eq 'Synced'
            Restarts       = 0
            Role           = 'primary'
            Scope          = [GaleraBackup.ClusterScope] $whole
            PodSnapshot    = [GaleraBackup.PodSnapshot]@{
                Name = $name; Namespace = $Namespace; Uid = [guid]::NewGuid(); Phase = 'Running'; StatefulSet = 'mariadb-server'; PodIP = '127.0.0.77'
                Containers = [GaleraBackup.ContainerSnapshot[]]@([GaleraBackup.ContainerSnapshot]@{
                        Name = 'mariadb'; Image = 'mariadb:10.11'
                        Mounts = [GaleraBackup.MountSnapshot[]]@([GaleraBackup.MountSnapshot]::new('mysql-data', '/var/lib/mysql', $null))
                    })
                Volumes = [GaleraBackup.VolumeSnapshot[]]@([GaleraBackup.VolumeSnapshot]::new('mysql-data', 'persistentVolumeClaim', "mysql-data-$name", $null))
            }
            Layout         = [GaleraBackup.MariaDbLayout]@{
                Container = 'mariadb'; Image = 'mariadb:10.11'; DataClaim = "mysql-data-$name"; DataMountPath = '/var/lib/mysql'
                RunAsUser = 999; RunAsGroup = 999
                BackupLogin = [GaleraBackup.LoginReference]::Parse('backup@mariadb-backup-user')
            }
            Wsrep          = [GaleraBackup.WsrepStatus]@{
                Ready             = $true
                Connected         = $true
                ClusterStatus     = 'Primary'
                LocalState        = @{ 'Synced' = 4; 'Donor/Desynced' = 2; 'Joining' = 1 }[$State]
                LocalStateComment = $State
                ClusterSize       = $Ordinal.Count
                DataDirectory     = '/var/lib/mysql/'
                Desync            = $State -eq 'Donor/Desynced'
            }
        }
    }

    [GaleraBackup.GaleraCluster]@{
        Namespace   = $Namespace
        StatefulSet = 'mariadb-server'
        Replicas    = $Ordinal.Count
        Nodes       = [GaleraBackup.GaleraNode[]]@($nodes)
        Findings    = [GaleraBackup.HealthFinding[]]@(foreach ($id in $Finding) {
                [GaleraBackup.HealthFinding]::new($id, 'Error', "mariadb-server-$($Ordinal[0])", "Something is wrong: $id.")
            })
        CheckedAt   = [DateTimeOffset]::UtcNow
        Scope       = [GaleraBackup.ClusterScope] $whole
    }
}

function Get-SampleReplica {
    # A replica as Select-BackupReplica emits it; with -Desynced, as Set-WsrepDesync On of another session would have.
    [CmdletBinding()]
    param(
        [switch] $Desynced,

        [switch] $Unsafe,

        # Ids of Warning findings about the desync.
        [string[]] $Finding = @(),

        [string] $KubeConfig,

        [hashtable] $Scope = @{}
    )

    $cluster = Get-SampleCluster -KubeConfig $KubeConfig -Scope $Scope -State ($Desynced ? 'Donor/Desynced' : 'Synced')
    $replica = @{
        Cluster    = $cluster
        Node       = $cluster.Nodes[-1]
        Candidates = [GaleraBackup.ReplicaCandidate[]]@([GaleraBackup.ReplicaCandidate]::new('mariadb-server-2', 2, $true, 'Highest ordinal.'))
        Unsafe     = [bool] $Unsafe
    }
    if ($Desynced) {
        $replica.Desync = [GaleraBackup.DesyncRecord]@{
            RunId = 'another'; DesyncedAt = [DateTimeOffset]::UtcNow; CountBefore = 0
            Findings = [GaleraBackup.HealthFinding[]]@(foreach ($id in $Finding) {
                    [GaleraBackup.HealthFinding]::new($id, 'Warning', 'mariadb-server-2', "Something was found: $id.")
                })
        }
    }

    [GaleraBackup.BackupReplica] $replica
}

function Get-SampleRun {
    # A run as Start-BackupRunner emits it.
    [CmdletBinding()]
    param(
        [ValidateSet('Succeeded', 'Failed', 'TimedOut', 'Skipped')]
        [string] $Backup = 'Succeeded',

        [switch] $Unsafe,

        [switch] $Desynced,

        [string[]] $Finding = @(),

        # Seconds that each phase took, by its name. All of them succeeded.
        [System.Collections.IDictionary] $Phase = @{},

        [string] $KubeConfig,

        [hashtable] $Scope = @{}
    )

    $started = [DateTimeOffset]::new(2026, 1, 31, 1, 0, 0, 0, [TimeSpan]::Zero)
    [GaleraBackup.BackupRun]@{
        RunId       = 'run-1'
        BackupId    = 'base/2026-01-31_01-00-00'
        BackupClaim = 'mariadb-phy-backup-data'
        RunnerPod   = 'galera-backup-run-1'
        Backup      = $Backup
        StartedAt   = $started
        FinishedAt  = $started.AddSeconds(90)
        Manifest    = [GaleraBackup.BackupManifest]::Parse((Get-SampleManifest -BackupId base/2026-01-31_01-00-00 -SizeBytes 3MB), 'the sample')
        Phases      = [GaleraBackup.PhaseResult[]]@(foreach ($name in $Phase.Keys) {
                [GaleraBackup.PhaseResult]::new($name, 'Succeeded', [TimeSpan]::FromSeconds($Phase[$name]))
            })
        Replica     = Get-SampleReplica -Unsafe:$Unsafe -Desynced:$Desynced -Finding $Finding -KubeConfig $KubeConfig -Scope $Scope
    }
}

function Get-SampleManifest {
    # The text of a manifest, on its one line.
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory)]
        [string] $BackupId,

        [int] $SizeBytes = 2KB,

        [string] $ClusterName = 'openstack/mariadb-server'
    )

    $parts = $BackupId.Split('/')
    $isFull = $parts[0] -eq 'base'
    $manifest = [ordered]@{
        schemaVersion = 1; id = $BackupId; type = $isFull ? 'Full' : 'Incremental'; parent = $isFull ? $null : "base/$($parts[1])"; base = "base/$($parts[1])"
        cluster = @{ name = $ClusterName; namespace = 'openstack'; statefulSet = 'mariadb-server' }
        position = @{ fromLsn = 0; toLsn = 1 }; server = @{ version = '10.11.1'; toolVersion = '10.11.1'; pod = 'mariadb-server-2' }
        startedAt = '2026-01-01T01:00:00Z'; finishedAt = '2026-01-01T01:00:00Z'; databaseBytes = 1; streamedBytes = 1; storedBytes = $SizeBytes
        codec = 'gzip'; files = @(@{ name = 'backup.stream.gz'; size = $SizeBytes; sha256 = '00' })
    }
    $text = ($manifest | ConvertTo-Json -Compress -Depth 5) -replace '}$'
    $hash = [System.Security.Cryptography.SHA256]::HashData([System.Text.Encoding]::UTF8.GetBytes($text))
    '{0},"sha256":"{1}"}}' -f $text, [System.Convert]::ToHexString($hash).ToLowerInvariant()
}

function Add-SampleBackup {
    # A backup below a backup root: without its manifest a partial one, or with -Vendor one of the vendor's.
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        [string] $Root,

        [Parameter(Mandatory, ValueFromPipeline)]
        [string] $BackupId,

        [int] $SizeBytes = 2KB,

        [switch] $Partial,

        [switch] $Vendor,

        [string] $ClusterName = 'openstack/mariadb-server'
    )

    process {
        $folder = (New-Item -ItemType Directory -Path "$Root/$BackupId" -Force).FullName
        [System.IO.File]::WriteAllBytes("$folder/backup.stream.gz", [byte[]]::new($SizeBytes))
        if ($Vendor) {
            [System.IO.File]::WriteAllBytes("$folder/backup.successful", @())
        }
        elseif (-not $Partial) {
            Set-Content -LiteralPath "$folder/manifest.json" -Value (Get-SampleManifest -BackupId $BackupId -SizeBytes $SizeBytes -ClusterName $ClusterName)
        }
    }
}

function Get-ClosedPort {
    # A port of the loopback that nobody listens on.
    [CmdletBinding()]
    [OutputType([int])]
    param()

    $listener = [System.Net.Sockets.TcpListener]::new([System.Net.IPAddress]::Loopback, 0)
    $listener.Start()
    $listener.LocalEndpoint.Port
    $listener.Stop()
}

function Add-KubeConfig {
    # A kubeconfig with one context, named lonely, for a server on the loopback. Emits its path.
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory)]
        [string] $Path,

        [int] $Port = (Get-ClosedPort)
    )

    Set-Content -LiteralPath $Path -Value @"
apiVersion: v1
kind: Config
clusters: [{ name: lonely, cluster: { server: "http://127.0.0.1:$Port" } }]
users: [{ name: nobody, user: { token: s3cret-token } }]
contexts: [{ name: lonely, context: { cluster: lonely, user: nobody, namespace: openstack } }]
current-context: lonely
"@
    (Get-Item -LiteralPath $Path).FullName
}

function Invoke-FreshPwsh {
    # Runs a script in a process of its own: nothing is loaded there yet, and -WhatIf's lines come out with the rest. Emits lines of text.
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory)]
        [scriptblock] $Script,

        [string[]] $ArgumentList = @()
    )

    $file = Join-Path -Path ([System.IO.Path]::GetTempPath()) -ChildPath "$([guid]::NewGuid()).ps1"
    Set-Content -LiteralPath $file -Value $Script
    try {
        & ([Environment]::ProcessPath) -NoLogo -NoProfile -NonInteractive -File $file @ArgumentList 2>&1 | ForEach-Object -MemberName ToString
    }
    finally {
        Remove-Item -LiteralPath $file
    }
}

function Get-CaughtError {
    # The first error of a script, terminating or not.
    [CmdletBinding()]
    [OutputType([System.Management.Automation.ErrorRecord])]
    param(
        [Parameter(Mandatory)]
        [scriptblock] $Script
    )

    try {
        & $Script 2>&1 | Where-Object { $PSItem -is [System.Management.Automation.ErrorRecord] } | Select-Object -First 1
    }
    catch {
        $PSItem
    }
}

Export-ModuleMember -Function *
