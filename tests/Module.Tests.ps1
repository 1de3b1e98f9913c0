BeforeDiscovery {
    $format = [xml](Get-Content -LiteralPath $PSScriptRoot/../module/GaleraBackup/GaleraBackup.Format.ps1xml -Raw)
    $views = foreach ($view in $format.Configuration.ViewDefinitions.View) {
        @{ TypeName = $view.ViewSelectedBy.TypeName; Columns = @($view.TableControl.TableHeaders.TableColumnHeader).Where({ $PSItem }).Count }
    }
}

BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'The module' {
    Context 'its manifest' {
        BeforeAll {
            $manifest = Test-ModuleManifest -Path "$(Get-ModulePath)/GaleraBackup.psd1" -WarningVariable warned -ErrorAction Stop
        }

        It 'is valid, without a warning' {
            $warned | Should -BeNullOrEmpty
            $manifest.CompatiblePSEditions | Should -Be 'Core'
        }

        It 'has the version of its assembly' {
            "$([GaleraBackup.GaleraCluster].Assembly.GetName().Version)" | Should -BeLike "$($manifest.Version).*"
        }

        It 'exports exactly its cmdlets, each by name' {
            $names = 'Get-GaleraBackup', 'Invoke-GaleraBackup', 'Remove-OldBackup', 'Select-BackupReplica', 'Set-GaleraBackup', 'Set-WsrepDesync', 'Start-BackupRunner', 'Test-GaleraCluster'
            (Get-Command -Module GaleraBackup).Name | Sort-Object | Should -Be $names
            $manifest.ExportedCmdlets.Keys | Sort-Object | Should -Be $names
            (Get-Command -Module GaleraBackup).CommandType | Should -Be (@('Cmdlet') * $names.Count)
        }

        It 'uses approved verbs only' {
            $verbs = (Get-Verb).Verb
            (Get-Command -Module GaleraBackup).Verb | ForEach-Object { $verbs | Should -Contain $PSItem }
        }
    }

    Context 'being imported' {
        It 'writes nothing, and needs nothing beside it' {
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath) -Script {
                param($Module)
                Import-Module -Name $Module -Verbose:$false
            }
            $lines | Should -BeNullOrEmpty
        }

        It 'still reaches its packages when <Name>' -ForEach @(
            @{ Name = 'imported twice'; How = 'import, import' }
            @{ Name = 'imported by force'; How = 'import, force, force' }
            @{ Name = 'removed and imported again'; How = 'import, remove, import' }
            @{ Name = 'used, removed and imported again'; How = 'import, use, remove, import, use, force' }
        ) {
            $config = Add-KubeConfig -Path 'TestDrive:/config'
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $config, $How -Script {
                param($Module, $KubeConfig, $How)
                $use = {
                    try {
                        Test-GaleraCluster -KubeConfig $KubeConfig -Context nosuch
                    }
                    catch {
                        $PSItem.FullyQualifiedErrorId
                    }
                }
                switch ($How -split ', ') {
                    import { Import-Module -Name $Module }
                    force { Import-Module -Name $Module -Force }
                    remove { Remove-Module -Name GaleraBackup }
                    use { $null = & $use }
                }
                & $use
                (Get-Command -Module GaleraBackup).Count
            }
            $lines | Should -Be 'ContextNotFound,GaleraBackup.Commands.TestGaleraClusterCommand', '8'
        }

        It 'says so where its packages are missing, and leaves the session alive' {
            Copy-Item -LiteralPath (Get-ModulePath) -Destination 'TestDrive:/broken' -Recurse
            Remove-Item -LiteralPath 'TestDrive:/broken/bin/Dependencies' -Recurse
            $lines = Invoke-FreshPwsh -ArgumentList "$TestDrive/broken/GaleraBackup.psd1" -Script {
                param($Module)
                Import-Module -Name $Module
                try {
                    Test-GaleraCluster
                }
                catch {
                    "$PSItem"
                }
                'alive'
            }
            "$lines" | Should -Match 'GaleraBackup\.Infrastructure'
            $lines[-1] | Should -Be 'alive'
        }

        It 'is gone when removed' {
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath) -Script {
                param($Module)
                Import-Module -Name $Module
                Remove-Module -Name GaleraBackup
                @(Get-Command -Module GaleraBackup).Count
                @(Get-Command -Name Test-GaleraCluster -ErrorAction Ignore).Count
            }
            $lines | Should -Be '0', '0'
        }

        It 'brings its types as literals' {
            [GaleraBackup.BackupRun].Assembly.GetName().Name | Should -Be 'GaleraBackup.Core'
        }

        It 'runs in several runspaces of one process at a time' {
            $config = Add-KubeConfig -Path 'TestDrive:/config'
            $module = Get-ModulePath
            $ids = 1..4 | ForEach-Object -ThrottleLimit 4 -Parallel {
                Import-Module -Name $using:module
                try {
                    Test-GaleraCluster -KubeConfig $using:config -Context nosuch
                }
                catch {
                    $PSItem.FullyQualifiedErrorId
                }
                Remove-Module -Name GaleraBackup
            }
            $ids | Should -Be (@('ContextNotFound,GaleraBackup.Commands.TestGaleraClusterCommand') * 4)

            # The module of this runspace has lost nothing by it.
            (Get-CaughtError { Test-GaleraCluster -KubeConfig $config -Context nosuch }).FullyQualifiedErrorId | Should -BeLike 'ContextNotFound,*'
        }
    }

    Context 'its views' {
        It 'show <TypeName> in no more than six columns' -ForEach $views {
            $Columns | Should -BeLessOrEqual 6
        }

        It 'are of types that there are: <TypeName>' -ForEach $views {
            [GaleraBackup.GaleraCluster].Assembly.GetType($TypeName) | Should -Not -BeNullOrEmpty
        }

        It 'show a cluster in a line, with how many nodes are ready and what was found, each finding once' {
            $lines = (Get-SampleCluster -Finding NodeNotSynced, NodeNotSynced, ClusterSizeDiffers | Out-String -Width 120).Trim() -split '\r?\n'
            $lines[0] | Should -Match '^Namespace\s+StatefulSet\s+Replicas\s+Ready\s+Safe\s+Findings\s*$'
            $lines[2] | Should -Match '^openstack\s+mariadb-server\s+3\s+3\s+False\s+NodeNotSynced, ClusterSizeDiffers\s*$'
        }

        It 'show nothing where nothing was found' {
            $lines = (Get-SampleCluster | Out-String -Width 120).Trim() -split '\r?\n'
            $lines[2] | Should -Match '^openstack\s+mariadb-server\s+3\s+3\s+True\s*$'
        }

        It 'cut off no finding where the line is short' {
            $ids = 'ClusterSizeDiffers', 'ClusterUuidDiffers', 'MembershipDiffers', 'ReplicasMissing'
            $text = Get-SampleCluster -Finding $ids | Out-String -Width 80
            $text | Should -Not -Match ([char]0x2026)
            ($text -replace '\s') | Should -Match ($ids -join ',')
        }

        It 'show the nodes of a cluster' {
            $lines = ((Get-SampleCluster).Nodes | Out-String -Width 120).Trim() -split '\r?\n'
            $lines[0] | Should -Match '^Pod\s+Status\s+Restarts\s+WsrepState\s+Role\s+Node\s*$'
            $lines[4] | Should -Match '^mariadb-server-2\s+Ready\s+0\s+Synced\s+primary\s+node-2\s*$'
        }

        It 'show a node that is <Phase>, ready: <Ready>, being deleted: <Terminating> as <Expected>' -ForEach @(
            @{ Phase = 'Running'; Ready = $true; Terminating = $false; Expected = 'Ready' }
            @{ Phase = 'Running'; Ready = $false; Terminating = $false; Expected = 'NotReady' }
            @{ Phase = 'Running'; Ready = $true; Terminating = $true; Expected = 'Terminating' }
            @{ Phase = 'Pending'; Ready = $false; Terminating = $false; Expected = 'Pending' }
        ) {
            $node = [GaleraBackup.GaleraNode]@{
                Pod = 'mariadb-server-0'; Ordinal = 0; Phase = $Phase; Ready = $Ready; Restarts = 7
                PodSnapshot = [GaleraBackup.PodSnapshot]@{ Name = 'mariadb-server-0'; Namespace = 'openstack'; Uid = '1'; Phase = $Phase; Terminating = $Terminating }
            }
            ($node | Out-String -Width 120) | Should -Match "mariadb-server-0\s+$Expected\s+7\s"
        }

        It 'show what was found, with the whole sentence' {
            $finding = [GaleraBackup.HealthFinding]::new('NotPrimary', 'Error', 'mariadb-server-1', "A sentence that is longer than a line. $('word ' * 30)end")
            $text = $finding | Out-String -Width 80
            $text | Should -Match 'Severity\s+Id\s+Pod\s+Message'
            $text | Should -Match '\bend\b'
            $text | Should -Not -Match ([char]0x2026)
        }

        It 'show a replica, and its state as it is by now' {
            (Get-SampleReplica | Out-String -Width 120) | Should -Match 'openstack\s+mariadb-server-2\s+node-2\s+Synced\s+False'
            (Get-SampleReplica -Desynced -Unsafe | Out-String -Width 120) | Should -Match 'openstack\s+mariadb-server-2\s+node-2\s+Donor/Desynced\s+True'
        }

        It 'show why each node was or was not taken' {
            ((Get-SampleCluster | Select-BackupReplica).Candidates | Out-String -Width 120) | Should -Match 'mariadb-server-1\s+False\s+Ordinal 1 is lower than 2\.'
        }

        It 'show a backup with its size for people' {
            $backup = [GaleraBackup.BackupSet]@{
                BackupId = 'base/2026-01-31_01-00-00'; Type = 'Full'; Base = '2026-01-31_01-00-00'; CreatedAt = [DateTimeOffset]::UtcNow
                SizeBytes = 1536MB; State = 'Complete'; Location = 'backups'; ClusterName = 'openstack/db'
            }
            ($backup | Out-String -Width 120) | Should -Match 'base/2026-01-31_01-00-00\s+Full\s+Complete\s+0 min\s+1\.5 GiB\s+openstack/db'
        }

        It 'show a run with each outcome apart' {
            $text = Get-SampleRun | Out-String -Width 120
            foreach ($line in 'BackupId\s+: base/2026-01-31_01-00-00', 'Pod\s+: openstack/mariadb-server-2', 'Backup\s+: Succeeded', 'Verify\s+: Skipped', 'Resync\s+: Skipped',
                'Prune\s+: Skipped', 'Unsafe\s+: False', 'Stored\s+: 3 MiB', 'Duration\s+: 90\.0 s') {
                $text | Should -Match "(?m)^$line\s*$"
            }
        }

        It 'show the phases of a run with their seconds in a column, whatever the culture' {
            $before = [cultureinfo]::CurrentCulture
            $other = [cultureinfo]::InvariantCulture.Clone()
            $other.NumberFormat.NumberDecimalSeparator = ','
            [cultureinfo]::CurrentCulture = $other
            try {
                $lines = ((Get-SampleRun -Phase ([ordered]@{ Check = 0.26; Copy = 3725; Resync = 0 })).Phases | Out-String -Width 120).Trim() -split '\r?\n'
            }
            finally {
                [cultureinfo]::CurrentCulture = $before
            }

            $lines.TrimEnd() | Should -Be @(
                'Phase  Outcome   Duration'
                '-----  -------   --------'
                'Check  Succeeded    0.3 s'
                'Copy   Succeeded 3725.0 s'
                'Resync Succeeded    0.0 s'
            )
        }

        It 'show a run with its phases and its findings, each on a line' {
            $run = Get-SampleRun -Desynced -Finding ReadinessIgnoresDesync, Another -Phase ([ordered]@{ Check = 0.26; Prepare = 4; Copy = 3725 })
            $text = $run | Out-String -Width 120
            $text | Should -Match '(?m)^Phases\s+: Check: Succeeded, 0\.3 s\s*\n\s+Prepare: Succeeded, 4\.0 s\s*\n\s+Copy: Succeeded, 3725\.0 s\s*$'
            $text | Should -Match '(?m)^Findings\s+: ReadinessIgnoresDesync: Something was found: ReadinessIgnoresDesync\.\s*\n\s+Another: Something was found: Another\.\s*$'
        }

        It 'show an error of a run with its id' {
            ([GaleraBackup.RunError]::new('NotEnoughSpace', 'Refused', 'There is too little space.', 'Make some.') | Out-String -Width 120) |
                Should -Match 'NotEnoughSpace\s+Refused\s+There is too little space\.'
        }

        It 'fill nothing in where a run has nothing' {
            $run = [GaleraBackup.BackupRun]@{
                RunId = 'r'; BackupId = 'base/x'; BackupClaim = 'c'; RunnerPod = 'p'; StartedAt = [DateTimeOffset]::UtcNow; Replica = Get-SampleReplica
            }
            $text = $run | Out-String -Width 120
            $text | Should -Match '(?m)^Duration\s+:\s*$'
            $text | Should -Match '(?m)^Stored\s+:\s*$'
            $text | Should -Match '(?m)^Phases\s+:\s*$'
            $text | Should -Match '(?m)^Findings\s+:\s*$'
            $text | Should -Match '(?m)^Removed\s+:\s*$'
            $text | Should -Match '(?m)^Errors\s+:\s*$'
        }
    }

    Context 'its objects' {
        It 'never show a password' {
            $login = [GaleraBackup.SqlLogin]::new('root', 's3cret')
            $cluster = Get-SampleCluster
            [GaleraBackup.ClusterScope].GetProperty('Credential').SetValue($cluster.Scope, $login)
            foreach ($shown in ($cluster | Format-List -Property * -Force | Out-String), ($cluster | ConvertTo-Json -Depth 6), "$($cluster.Scope)",
                ($login | Format-List -Property * -Force | Out-String), [System.Management.Automation.PSSerializer]::Serialize($cluster, 5)) {
                $shown | Should -Not -Match 's3cret'
            }
        }
    }
}
