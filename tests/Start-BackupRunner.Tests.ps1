BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'Start-BackupRunner' {
    Context 'its parameters' {
        BeforeAll {
            $command = Get-Command -Name Start-BackupRunner
        }

        It 'takes the replica from the pipeline or as the first argument' {
            $parameter = $command.Parameters.Replica
            $parameter.ParameterType | Should -Be ([GaleraBackup.BackupReplica])
            $attribute = $parameter.Attributes.Where({ $PSItem -is [Parameter] })
            $attribute.Mandatory | Should -BeTrue
            $attribute.ValueFromPipeline | Should -BeTrue
            $attribute.Position | Should -Be 0
        }

        It 'never asks a CronJob: ConfirmImpact is Medium' {
            $attribute = $command.ImplementingType.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false)[0]
            $attribute.SupportsShouldProcess | Should -BeTrue
            $attribute.ConfirmImpact | Should -Be 'Medium'
        }

        It 'has the vendor''s defaults: <Name> is <Expected>' -ForEach @(
            @{ Name = 'BackupClaim'; Expected = 'mariadb-phy-backup-data' }
            @{ Name = 'BackupPath'; Expected = '' }
            @{ Name = 'RequiredSpaceRatio'; Expected = 1.2 }
            @{ Name = 'Timeout'; Expected = [TimeSpan]::FromSeconds(21600) }
        ) {
            $cmdlet = $command.ImplementingType::new()
            $cmdlet.$Name | Should -Be $Expected
            $cmdlet.Dispose()
        }

        It 'refuses -BackupPath <_>' -ForEach '../other', '/var/backup', '$(x)', 'a b', '"a"', "a`nb" {
            $path = $PSItem
            (Get-CaughtError { Get-SampleReplica | Start-BackupRunner -BackupPath $path }).FullyQualifiedErrorId |
                Should -BeLike 'ParameterArgumentValidationError,*'
        }

        It 'refuses -RequiredSpaceRatio <_>' -ForEach 0, -1, 1001 {
            $ratio = $PSItem
            (Get-CaughtError { Get-SampleReplica | Start-BackupRunner -RequiredSpaceRatio $ratio }).FullyQualifiedErrorId |
                Should -BeLike 'ParameterArgumentValidationError,*'
        }

        It 'refuses -Timeout <_>' -ForEach 'soon', 0, -5, '50d' {
            $limit = $PSItem
            (Get-CaughtError { Get-SampleReplica | Start-BackupRunner -Timeout $limit }).FullyQualifiedErrorId | Should -BeLike 'ParameterArgument*Error,*'
        }

        It 'refuses an empty -BackupClaim' {
            (Get-CaughtError { Get-SampleReplica | Start-BackupRunner -BackupClaim '' }).FullyQualifiedErrorId |
                Should -BeLike 'ParameterArgumentValidationError,*'
        }
    }

    It 'refuses a replica that is not desynced, and says how to desync it' {
        $replica = Get-SampleReplica -KubeConfig (Add-KubeConfig -Path 'TestDrive:/config')
        $caught = Get-CaughtError { $replica | Start-BackupRunner }
        $caught.FullyQualifiedErrorId | Should -Be 'ReplicaNotDesynced,GaleraBackup.Commands.StartBackupRunnerCommand'
        $caught.CategoryInfo.Category | Should -Be 'InvalidOperation'
        $caught.ErrorDetails.RecommendedAction | Should -Match 'Set-WsrepDesync'
    }

    It 'asks the cluster that the replica carries' {
        $replica = Get-SampleReplica -Desynced -KubeConfig "$TestDrive/nowhere"
        (Get-CaughtError { $replica | Start-BackupRunner }).FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
    }

    It 'with -WhatIf shows the pod that it would create, and creates none' {
        $config = Add-KubeConfig -Path 'TestDrive:/config'
        $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $PSScriptRoot, $config -Script {
            param($Module, $Tests, $KubeConfig)
            Import-Module -Name $Module, $Tests/Pester/GaleraBackup.Testing.psm1
            Get-SampleReplica -Desynced -KubeConfig $KubeConfig | Start-BackupRunner -BackupType Full -BackupClaim nightly -BackupPath mariadb/prod -WhatIf
        }
        $plan = $lines -join "`n"
        $plan | Should -Match 'Run mariadb-backup.*openstack/mariadb-server-2.*nightly'
        $plan | Should -Match '(?m)^\s*kind: Pod'
        $plan | Should -Match 'claimName: nightly'
        $plan | Should -Match 'claimName: mysql-data-mariadb-server-2'
        $plan | Should -Match 'value: /var/backup/mariadb/prod'
        $plan | Should -Match 'runAsUser: 999'
    }

    It 'with -WhatIf asks the cluster that the replica carries' {
        $replica = Get-SampleReplica -Desynced -KubeConfig "$TestDrive/nowhere"
        (Get-CaughtError { $replica | Start-BackupRunner -WhatIf }).FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
    }
}
