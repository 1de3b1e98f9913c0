# What README.md shows, as an operator types it.

BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/Lab.psm1 -Force
    Import-Module -Name (Get-ModulePath)

    # An operator has named the cluster once and for all.
    $kubeConfigBefore = $env:KUBECONFIG
    $env:KUBECONFIG = (Find-Lab).KubeConfig
}

AfterAll {
    $env:KUBECONFIG = $kubeConfigBefore
}

Describe 'The examples' -Tag Lab {
    BeforeEach {
        $folder = New-LabFolder -BackupId 'base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00'
    }

    AfterEach {
        $wrong = Wait-WholeLab
        Remove-LabFolder -Folder $folder
        $wrong | Should -BeNullOrEmpty
    }

    Context 'of Test-GaleraCluster' {
        It 'what is wrong with a cluster: nothing' {
            $null = Get-Lab
            $findings = Test-GaleraCluster -Namespace openstack | Select-Object -ExpandProperty Findings
            $findings.Where({ $PSItem.Severity -eq 'Error' }) | Should -BeNullOrEmpty
        }

        It 'the clusters of a table' {
            $lab = Get-Lab
            Set-Content -LiteralPath "$TestDrive/clusters.csv" -Value "Namespace,KubeConfig", "$($lab.Namespace),$($lab.KubeConfig)"
            $table = Import-Csv -Path "$TestDrive/clusters.csv" | Test-GaleraCluster | Out-String -Width 120
            $table | Should -Match '(?m)^openstack\s+mariadb-server\s+3\s+3\s+True'
        }
    }

    Context 'of Select-BackupReplica' {
        It 'why each node was or was not taken' {
            $null = Get-Lab
            $table = Test-GaleraCluster -Namespace openstack | Select-BackupReplica | Select-Object -ExpandProperty Candidates | Out-String -Width 120
            $table | Should -Match 'mariadb-server-2\s+True\s+Highest ordinal\.'
            $table | Should -Match 'mariadb-server-1\s+False\s+Ordinal 1 is lower than 2\.'
            $table | Should -Match 'mariadb-server-0\s+False\s+Ordinal 0 is lower than 2\.'
        }

        It 'what was discovered of its pod' {
            $null = Get-Lab
            $replica = Test-GaleraCluster -Namespace openstack | Select-BackupReplica
            $layout = $replica.Node.Layout | Format-List | Out-String -Width 200
            $layout | Should -Match '(?m)^DataClaim\s+: mysql-data-mariadb-server-2\s*$'
            $layout | Should -Match '(?m)^DataMountPath\s+: /var/lib/mysql\s*$'
            $layout | Should -Match 'AdminLogin.*mariadb-dbadmin-password'
            $layout | Should -Match 'BackupLogin.*mariadb-backup-user'
        }
    }

    Context 'of Set-WsrepDesync' {
        It 'a node out of the game, and back' {
            $null = Get-Lab
            Set-WsrepDesync On -Namespace openstack -Pod mariadb-server-1
            try {
                (Test-GaleraCluster -Namespace openstack).Nodes[1].WsrepState | Should -Be 'Donor/Desynced'
            }
            finally {
                Set-WsrepDesync Off -Namespace openstack -Pod mariadb-server-1
            }

            (Test-GaleraCluster -Namespace openstack).Nodes[1].WsrepState | Should -Be 'Synced'
        }

        It 'a replica back that a killed process left behind' {
            $null = Get-Lab
            $process = Start-DesyncedPwsh
            $process.Kill()
            $process.WaitForExit()
            try {
                (Test-GaleraCluster -Namespace openstack).Nodes[2].WsrepState | Should -Be 'Donor/Desynced'
                (Get-CaughtError { Set-WsrepDesync Off -Namespace openstack -Pod mariadb-server-2 }).FullyQualifiedErrorId | Should -BeLike 'NotOurDesync,*'
            }
            finally {
                Set-WsrepDesync Off -Namespace openstack -Pod mariadb-server-2 -Force -WarningAction SilentlyContinue
                $process.Dispose()
            }

            (Test-GaleraCluster -Namespace openstack).Nodes[2].WsrepState | Should -Be 'Synced'
        }
    }

    Context 'of Start-BackupRunner' {
        It 'the pod that would run' {
            $null = Get-Lab
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath) -Script {
                param($Module)
                Import-Module -Name $Module
                Test-GaleraCluster -Namespace openstack | Select-BackupReplica | Start-BackupRunner -BackupClaim mariadb-phy-backup-data -WhatIf
            }
            $plan = $lines -join "`n"
            $plan | Should -Match '(?m)^\s*kind: Pod'
            $plan | Should -Match 'claimName: mysql-data-mariadb-server-2'
            $plan | Should -Match 'claimName: mariadb-phy-backup-data'
        }

        It 'a backup in steps, with what would be removed after it' {
            $null = Get-Lab
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $folder -Script {
                param($Module, $BackupPath)
                Import-Module -Name $Module
                Test-GaleraCluster -Namespace openstack | Select-BackupReplica | Set-WsrepDesync On -PassThru |
                    Start-BackupRunner -BackupPath $BackupPath -ErrorAction SilentlyContinue |
                    Set-WsrepDesync Off -PassThru -OutVariable runs | Remove-OldBackup -KeepLast 2 -WhatIf
                "$($runs[0].Backup), $($runs[0].Resync)"
            }
            $victims = @($lines -match 'What if')
            $victims | Should -HaveCount 1
            $victims[0] | Should -Match 'base/2026-01-01_01-00-00 on mariadb-phy-backup-data \(3 MiB\)'
            $lines[-1] | Should -Be 'Succeeded, Succeeded'
            Get-LabBackup -Folder $folder | Should -HaveCount 3
        }
    }

    Context 'of Remove-OldBackup' {
        It 'what would go, with its size' {
            $null = Get-Lab
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $folder -Script {
                param($Module, $BackupPath)
                Import-Module -Name $Module
                Remove-OldBackup -Namespace openstack -BackupPath $BackupPath -KeepLast 1 -WhatIf
            }
            $lines | Should -HaveCount 1
            $lines | Should -Match 'What if.*base/2026-01-01_01-00-00 on mariadb-phy-backup-data \(3 MiB\)'
            Get-LabBackup -Folder $folder | Should -HaveCount 2
        }

        It 'the oldest backups of a claim gone' {
            $null = Get-Lab
            $removed = Remove-OldBackup -Namespace openstack -BackupPath $folder -KeepLast 1
            $removed.BackupId | Should -Be 'base/2026-01-01_01-00-00'
            Get-LabBackup -Folder $folder | Should -Be 'base/2026-01-08_01-00-00'
        }

        It 'the oldest backups of a mounted volume gone' {
            $null = Get-Lab
            $mounted = Join-Path -Path (Find-Lab).BackupVolume -ChildPath $folder
            (Remove-OldBackup -Path $mounted -KeepLast 1).BackupId | Should -Be 'base/2026-01-01_01-00-00'
            Get-LabBackup -Folder $folder | Should -Be 'base/2026-01-08_01-00-00'
        }
    }

    Context 'of Invoke-GaleraBackup' {
        It 'the whole plan' {
            $null = Get-Lab
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $folder -Script {
                param($Module, $BackupPath)
                Import-Module -Name $Module
                Invoke-GaleraBackup -Namespace openstack -BackupPath $BackupPath -KeepLast 2 -WhatIf
            }
            "$lines" | Should -Match 'What if.*SET GLOBAL wsrep_desync=ON.*remove 1 \(3 MiB\):.*base/2026-01-01_01-00-00 \(3 MiB\)'
            Get-LabBackup -Folder $folder | Should -HaveCount 2
        }

        It 'a backup, and what each phase took' {
            $null = Get-Lab
            $run = Invoke-GaleraBackup -Namespace openstack -BackupPath $folder -KeepLast 2
            $table = $run.Phases | Out-String -Width 120
            $table | Should -Match '(?m)^Copy\s+Succeeded\s+[0-9]+\.[0-9] s\s*$'
            $table | Should -Match '(?m)^Prune\s+Succeeded\s+[0-9]+\.[0-9] s\s*$'
            $run.Removed.BackupId | Should -Be 'base/2026-01-01_01-00-00'
            Get-LabBackup -Folder $folder | Should -Be 'base/2026-01-08_01-00-00', $run.BackupId
        }
    }
}
