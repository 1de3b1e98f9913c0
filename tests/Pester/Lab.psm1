# The lab, for the tests that are tagged Lab: where it is, a folder for backups, and what must not be left behind.

$script:Namespace = 'openstack'
$script:OurLabel = 'app.kubernetes.io%2Fname%3Dgalera-backup'

function Find-Lab {
    # Emits where the lab is, and why it cannot be used, if it cannot.
    [CmdletBinding()]
    param()

    $state = $env:GALERABACKUP_LAB_STATE ? $env:GALERABACKUP_LAB_STATE : '/var/lib/galerabackup-lab'
    $kubeConfig = Join-Path -Path $state -ChildPath 'kubeconfig'
    $whyNot = "there is no $kubeConfig"
    if (Test-Path -LiteralPath $kubeConfig) {
        $server = [uri](Select-String -LiteralPath $kubeConfig -Pattern 'server:\s*"?([^"\s]+)').Matches[0].Groups[1].Value
        $client = [System.Net.Sockets.TcpClient]::new()
        try {
            $client.Connect($server.Host, $server.Port)
            $whyNot = $null
        }
        catch {
            $whyNot = "its API server does not listen on $($server.Authority)"
        }
        finally {
            $client.Dispose()
        }
    }

    [pscustomobject]@{
        KubeConfig   = $kubeConfig
        Namespace    = $Namespace
        BackupVolume = Join-Path -Path $state -ChildPath 'pv/mariadb-phy-backup-data'
        WhyNot       = $whyNot
    }
}

function Get-Lab {
    # For a test that needs the lab: emits how a cmdlet is told of it. Where it does not answer the test ends here: as skipped, or as failed
    # where GALERABACKUP_REQUIRE_LAB=1 demands it.
    [CmdletBinding()]
    param()

    $lab = Find-Lab
    if (-not $lab.WhyNot) {
        return @{ KubeConfig = $lab.KubeConfig; Namespace = $lab.Namespace }
    }

    if ($env:GALERABACKUP_REQUIRE_LAB -eq '1') {
        throw "The lab is required and is not up: $($lab.WhyNot)."
    }

    Set-ItResult -Skipped -Because "the lab is not up: $($lab.WhyNot)"
}

function New-LabFolder {
    # A backup root of a test's own on the lab's backup volume, with finished backups in it. Emits its path on the claim; nothing without a lab.
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType([string])]
    param(
        [string[]] $BackupId = @(),

        [int] $SizeBytes = 3MB
    )

    $lab = Find-Lab
    if ($lab.WhyNot) {
        return
    }

    $name = "test-pester-$([guid]::NewGuid().ToString('N'))"
    $path = Join-Path -Path $lab.BackupVolume -ChildPath $name
    if ($PSCmdlet.ShouldProcess($path)) {
        $null = New-Item -ItemType Directory -Path $path
        $BackupId | Add-SampleBackup -Root $path -SizeBytes $SizeBytes

        # Our pods are not root on this machine either.
        chmod -R a+rwX $path
        $name
    }
}

function Get-LabBackup {
    # Ids of the finished backups in a folder of New-LabFolder, oldest first.
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(Mandatory)]
        [string] $Folder
    )

    Get-ChildItem -Path (Join-Path -Path (Find-Lab).BackupVolume -ChildPath "$Folder/base/*/manifest.json") |
        ForEach-Object { "base/$($PSItem.Directory.Name)" } | Sort-Object
}

function Remove-LabFolder {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [string] $Folder
    )

    if ($Folder -and $PSCmdlet.ShouldProcess($Folder)) {
        Remove-Item -LiteralPath (Join-Path -Path (Find-Lab).BackupVolume -ChildPath $Folder) -Recurse -Force
    }
}

function Start-DesyncedPwsh {
    # Starts a pwsh that desyncs the replica and then is at something else for two minutes. Emits the process once the replica is desynced.
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType([System.Diagnostics.Process])]
    param()

    $lab = Find-Lab
    $start = [System.Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
    $start.RedirectStandardOutput = $true
    $command = @'
Import-Module -Name '{0}'
Test-GaleraCluster -KubeConfig '{1}' -Namespace '{2}' | Select-BackupReplica | Set-WsrepDesync On -PassThru |
    ForEach-Object {{ 'desynced'; Start-Sleep -Seconds 120 }}
'@ -f (Get-ModulePath), $lab.KubeConfig, $lab.Namespace
    '-NoProfile', '-NonInteractive', '-Command', $command | ForEach-Object { $start.ArgumentList.Add($PSItem) }
    if ($PSCmdlet.ShouldProcess('pwsh')) {
        $process = [System.Diagnostics.Process]::Start($start)
        $said = $process.StandardOutput.ReadLine()
        if ($said -ne 'desynced') {
            $process.Kill()
            throw "The replica was not desynced: $said"
        }

        $process
    }
}

function Get-LabItem {
    # What the lab's API lists at an address. Not through the module: a test must not rely on what it tests.
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)]
        [string] $Path
    )

    $text = Get-Content -LiteralPath (Find-Lab).KubeConfig -Raw
    $values = @{}
    foreach ($found in [regex]::Matches($text, '(server|certificate-authority-data|client-certificate-data|client-key-data):\s*"?([^"\s]+)')) {
        $values[$found.Groups[1].Value] = $found.Groups[2].Value
    }

    $handler = [System.Net.Http.SocketsHttpHandler]::new()
    if ($values['client-certificate-data']) {
        $authority, $certificate, $key = 'certificate-authority-data', 'client-certificate-data', 'client-key-data' |
            ForEach-Object { [System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($values[$PSItem])) }
        $policy = [System.Security.Cryptography.X509Certificates.X509ChainPolicy]@{ TrustMode = 'CustomRootTrust'; RevocationMode = 'NoCheck' }
        $policy.CustomTrustStore.ImportFromPem($authority)
        $handler.SslOptions.CertificateChainPolicy = $policy
        $handler.SslOptions.ClientCertificates = [System.Security.Cryptography.X509Certificates.X509CertificateCollection]::new()
        $null = $handler.SslOptions.ClientCertificates.Add([System.Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPem($certificate, $key))
    }

    $client = [System.Net.Http.HttpClient]::new($handler)
    try {
        $client.Timeout = [TimeSpan]::FromSeconds(15)
        ($client.GetStringAsync("$($values.server)$Path").GetAwaiter().GetResult() | ConvertFrom-Json).items
    }
    finally {
        $client.Dispose()
    }
}

function Get-LabLeftover {
    # A line for each thing of ours that is on the lab: a pod, a Secret, a lease, a backup by half.
    [CmdletBinding()]
    [OutputType([string])]
    param()

    foreach ($kind in 'pods', 'secrets') {
        Get-LabItem -Path "/api/v1/namespaces/$Namespace/$($kind)?labelSelector=$OurLabel" | ForEach-Object { "$kind/$($PSItem.metadata.name)" }
    }

    Get-LabItem -Path "/apis/coordination.k8s.io/v1/namespaces/$Namespace/leases" |
        Where-Object { $PSItem.metadata.name -like 'galera-backup-*' } |
        ForEach-Object { "leases/$($PSItem.metadata.name) of $($PSItem.spec.holderIdentity)" }

    Get-ChildItem -LiteralPath (Find-Lab).BackupVolume -Directory -Recurse -Depth 3 -Force -Filter '.partial' |
        Get-ChildItem -Force | ForEach-Object -MemberName FullName
}

function Wait-WholeLab {
    # Waits until the lab is as it was found: every node Synced and Ready, nothing of ours left. Emits what is still wrong at the deadline.
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [TimeSpan] $Within = [TimeSpan]::FromSeconds(60)
    )

    $lab = Find-Lab
    if ($lab.WhyNot) {
        return
    }

    $deadline = [datetime]::UtcNow + $Within
    do {
        $wrong = @(
            try {
                Get-LabLeftover
                $cluster = Test-GaleraCluster -KubeConfig $lab.KubeConfig -Namespace $lab.Namespace
                $cluster.Findings.Where({ $PSItem.Severity -eq 'Error' }).ForEach({ "$PSItem" })
                $cluster.Nodes.Where({ $PSItem.WsrepState -ne 'Synced' -or -not $PSItem.Ready }).ForEach({ "$PSItem is '$($PSItem.WsrepState)', ready: $($PSItem.Ready)" })
            }
            catch {
                "The lab could not be asked: $PSItem"
            }
        )
    } while ($wrong -and [datetime]::UtcNow -lt $deadline)

    $wrong
}

Export-ModuleMember -Function *
