BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/Lab.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'Invoke-GaleraBackup' {
    Context 'its parameters' {
        BeforeAll {
            $command = Get-Command -Name Invoke-GaleraBackup
        }

        It 'needs none' {
            $command.DefaultParameterSet | Should -Be 'ByName'
            $command.ParameterSets.Where({ $PSItem.IsDefault }).Parameters.Where({ $PSItem.IsMandatory }) | Should -BeNullOrEmpty
        }

        It 'never asks a CronJob: ConfirmImpact is Medium' {
            $attribute = $command.ImplementingType.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false)[0]
            $attribute.SupportsShouldProcess | Should -BeTrue
            $attribute.ConfirmImpact | Should -Be 'Medium'
        }

        It 'says that it emits a BackupRun' {
            $command.OutputType.Type | Should -Be ([GaleraBackup.BackupRun])
        }

        It 'takes all that its steps take: <_>' -ForEach 'Test-GaleraCluster', 'Select-BackupReplica', 'Set-WsrepDesync', 'Start-BackupRunner', 'Remove-OldBackup' {
            # What is not asked again is what the steps hand on to one another, and what is for a step alone.
            $own = 'Quiet', 'Cluster', 'State', 'Replica', 'BackupRun', 'Pod', 'Force', 'PassThru', 'Path'
            (Get-Command -Name $PSItem).Parameters.Values.Where({ $PSItem.Name -notin $own }) | ForEach-Object {
                $command.Parameters.Keys | Should -Contain $PSItem.Name
            }
        }

        It 'has the vendor''s defaults: <Name> is <Expected>' -ForEach @(
            @{ Name = 'BackupClaim'; Expected = 'mariadb-phy-backup-data' }
            @{ Name = 'BackupPath'; Expected = '' }
            @{ Name = 'RequiredSpaceRatio'; Expected = 1.2 }
            @{ Name = 'Timeout'; Expected = [TimeSpan]::FromSeconds(21600) }
            @{ Name = 'DesyncTimeout'; Expected = [TimeSpan]::FromSeconds(300) }
            @{ Name = 'ResyncTimeout'; Expected = [TimeSpan]::FromSeconds(300) }
        ) {
            $cmdlet = $command.ImplementingType::new()
            $cmdlet.$Name | Should -Be $Expected
            $cmdlet.Dispose()
        }

        It 'removes nothing that nobody asked to remove: -KeepLast has no default' {
            $cmdlet = $command.ImplementingType::new()
            $cmdlet.KeepLast | Should -BeNullOrEmpty
            $cmdlet.Dispose()
        }

        It 'refuses -<Name> <Value>' -ForEach @(
            @{ Name = 'KeepLast'; Value = 0 }
            @{ Name = 'KeepLast'; Value = -3 }
            @{ Name = 'KeepLast'; Value = 'many' }
            @{ Name = 'RequiredSpaceRatio'; Value = 0 }
            @{ Name = 'Timeout'; Value = 'soon' }
            @{ Name = 'Timeout'; Value = 0 }
            @{ Name = 'DesyncTimeout'; Value = -1 }
            @{ Name = 'ResyncTimeout'; Value = '50d' }
            @{ Name = 'BackupPath'; Value = '../other' }
            @{ Name = 'BackupPath'; Value = '/var/backup' }
            @{ Name = 'BackupPath'; Value = '$(x)' }
            @{ Name = 'BackupClaim'; Value = '' }
        ) {
            $arguments = @{ $Name = $Value }
            $caught = Get-CaughtError { Invoke-GaleraBackup @arguments }
            $caught.Exception | Should -BeOfType System.Management.Automation.ParameterBindingException
            "$caught" | Should -Match $Name
        }
    }

    It 'says so where the cluster does not answer, and emits no run' {
        $config = Add-KubeConfig -Path 'TestDrive:/config'
        $caught = Get-CaughtError { Invoke-GaleraBackup -KubeConfig $config }
        $caught.FullyQualifiedErrorId | Should -Be 'ApiUnreachable,GaleraBackup.Commands.InvokeGaleraBackupCommand'
        $caught.CategoryInfo.Category | Should -Be 'ConnectionError'
        $caught.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
    }

    It 'asks the cluster with -WhatIf too: a plan that cannot be made is an error' {
        (Get-CaughtError { Invoke-GaleraBackup -KubeConfig "$TestDrive/nowhere" -WhatIf }).FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
    }

    It 'makes a plan where $WhatIfPreference asks for one' {
        $WhatIfPreference = $true
        (Get-CaughtError { Invoke-GaleraBackup -KubeConfig "$TestDrive/nowhere" }).FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
    }

    Context 'a real cluster' -Tag Lab {
        BeforeEach {
            $folder = New-LabFolder -BackupId 'base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00'
        }

        AfterEach {
            $wrong = Wait-WholeLab
            Remove-LabFolder -Folder $folder
            $wrong | Should -BeNullOrEmpty
        }

        It 'with -WhatIf shows the plan in the order of its phases: the SQL, the pod''s manifest and what would be removed, and changes nothing' {
            $lab = Get-Lab
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $lab.KubeConfig, $lab.Namespace, $folder -Script {
                param($Module, $KubeConfig, $Namespace, $BackupPath)
                Import-Module -Name $Module
                Invoke-GaleraBackup -KubeConfig $KubeConfig -Namespace $Namespace -BackupPath $BackupPath -KeepLast 1 -WhatIf
            }
            $plan = $lines -join "`n"
            $positions = foreach ($step in @(
                    'Check the cluster'
                    'Replica mariadb-server-2'
                    'Take the lease openstack/galera-backup-mariadb-server'
                    'kind: Pod'
                    'On mariadb-server-2: SET GLOBAL wsrep_desync=ON'
                    'Run mariadb-backup to mariadb-phy-backup-data'
                    'SET GLOBAL wsrep_desync=OFF'
                    'Keep the new backup and 0 more; remove 2 (6 MiB)'
                    'base/2026-01-01_01-00-00 (3 MiB)'
                    'base/2026-01-08_01-00-00 (3 MiB)'
                )) {
                $plan.IndexOf($step) | Should -BeGreaterOrEqual 0 -Because "the plan has: $step"
                $plan.IndexOf($step)
            }
            $positions | Should -Be ($positions | Sort-Object)
            Get-LabBackup -Folder $folder | Should -Be 'base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00'
        }

        It 'takes the report of Test-GaleraCluster' {
            $lab = Get-Lab
            $run = Test-GaleraCluster @lab | Invoke-GaleraBackup -BackupPath $folder
            $run.Backup | Should -Be 'Succeeded'
            $run.Resync | Should -Be 'Succeeded'
            $run.Prune | Should -Be 'Skipped'
            Get-LabBackup -Folder $folder | Should -HaveCount 3
        }

        It 'has done all of its work when nobody wants more than its run' {
            $lab = Get-Lab
            $run = Invoke-GaleraBackup @lab -BackupPath $folder -KeepLast 1 | Select-Object -First 1
            $run.Prune | Should -Be 'Succeeded'
            $run.Phases.Phase | Should -Be 'Check', 'Prepare', 'Desync', 'Copy', 'Resync', 'Publish', 'Verify', 'Prune'
            $run.Phases.Where({ $PSItem.Outcome -ne 'Succeeded' }).Phase | Should -Be 'Verify'
            Get-LabBackup -Folder $folder | Should -Be $run.BackupId
        }

        It 'as steps in a pipeline with -WhatIf on each shows the first that would change something, and changes nothing' {
            $lab = Get-Lab
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $lab.KubeConfig, $lab.Namespace -Script {
                param($Module, $KubeConfig, $Namespace)
                Import-Module -Name $Module
                Test-GaleraCluster -KubeConfig $KubeConfig -Namespace $Namespace | Select-BackupReplica | Set-WsrepDesync On -PassThru -WhatIf |
                    Start-BackupRunner -WhatIf | Set-WsrepDesync Off -PassThru -WhatIf | Remove-OldBackup -KeepLast 1 -WhatIf
            }
            $lines | Should -HaveCount 1
            $lines | Should -Match 'SET GLOBAL wsrep_desync=ON.*openstack/mariadb-server-2'
        }

        It 'as steps in a pipeline puts the replica back when nobody wants more than the first object' {
            $lab = Get-Lab
            $run = Test-GaleraCluster @lab | Select-BackupReplica | Set-WsrepDesync On -PassThru | Start-BackupRunner -BackupPath $folder |
                Set-WsrepDesync Off -PassThru | Select-Object -First 1
            $run.Backup | Should -Be 'Succeeded'
            $run.Resync | Should -Be 'Succeeded'
        }

        It 'as steps in a pipeline puts the replica back after a runner that failed, and removes nothing' {
            $lab = Get-Lab
            $removed = Test-GaleraCluster @lab | Select-BackupReplica | Set-WsrepDesync On -PassThru |
                Start-BackupRunner -BackupClaim nosuch -ErrorAction SilentlyContinue -ErrorVariable errors |
                Set-WsrepDesync Off -PassThru -OutVariable runs | Remove-OldBackup -KeepLast 1
            $removed | Should -BeNullOrEmpty
            $errors[0].FullyQualifiedErrorId | Should -BeLike 'ClaimNotFound,*'
            $runs[0].Backup | Should -Be 'Failed'
            $runs[0].Resync | Should -Be 'Succeeded'
        }

        It 'is the same steps that a user can pipe' {
            $lab = Get-Lab
            $run = Test-GaleraCluster @lab | Select-BackupReplica | Set-WsrepDesync On -PassThru |
                Start-BackupRunner -BackupPath $folder | Set-WsrepDesync Off -PassThru
            $run.Errors | Should -BeNullOrEmpty
            $run.Backup | Should -Be 'Succeeded'
            $run.Resync | Should -Be 'Succeeded'
            $run.StoredBytes | Should -BeGreaterThan 0
            $run.Seqno | Should -BeGreaterThan 0
            Test-GaleraCluster @lab -Quiet | Should -BeTrue
        }
    }
}
