BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1 -Force
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
        It 'with -WhatIf shows the plan: the replica, the SQL, the pod''s manifest and the pruning, and changes nothing' {
            $lab = Get-Lab
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $lab.KubeConfig, $lab.Namespace -Script {
                param($Module, $KubeConfig, $Namespace)
                Import-Module -Name $Module
                Invoke-GaleraBackup -KubeConfig $KubeConfig -Namespace $Namespace -KeepLast 10 -WhatIf
            }
            $plan = $lines -join "`n"
            $plan | Should -Match 'replica mariadb-server-2'
            $plan | Should -Match 'SET GLOBAL wsrep_desync=ON'
            $plan | Should -Match 'keep the newest 10'
            $plan | Should -Match '(?m)^\s*kind: Pod'
            Test-GaleraCluster @lab -Quiet | Should -BeTrue
        }

        It 'is the same steps that a user can pipe' {
            $lab = Get-Lab
            $run = Test-GaleraCluster @lab | Select-BackupReplica | Set-WsrepDesync On -PassThru |
                Start-BackupRunner | Set-WsrepDesync Off -PassThru
            $run.Errors | Should -BeNullOrEmpty
            $run.Backup | Should -Be 'Succeeded'
            $run.Resync | Should -Be 'Succeeded'
            $run.StoredBytes | Should -BeGreaterThan 0
            $run.Seqno | Should -BeGreaterThan 0
            Test-GaleraCluster @lab -Quiet | Should -BeTrue
        }
    }
}
