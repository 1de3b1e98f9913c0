BeforeAll {
    Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1 -Force
    Import-Module -Name (Get-ModulePath)
}

Describe 'Remove-OldBackup' {
    Context 'its parameters' {
        BeforeAll {
            $command = Get-Command -Name Remove-OldBackup
        }

        It 'takes a run from the pipeline, a mounted folder, or a claim by name' {
            $command.ParameterSets.Name | Sort-Object | Should -Be 'ByName', 'ByPath', 'ByRun'
            $command.DefaultParameterSet | Should -Be 'ByName'
            $command.ParameterSets.Parameters.Where({ $PSItem.ValueFromPipeline }).Name | Should -Be 'BackupRun'
        }

        It 'never asks a CronJob: ConfirmImpact is Medium' {
            $attribute = $command.ImplementingType.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false)[0]
            $attribute.SupportsShouldProcess | Should -BeTrue
            $attribute.ConfirmImpact | Should -Be 'Medium'
        }

        It 'refuses -KeepLast <_>: the last backup is never removed' -ForEach 0, -1 {
            $keep = $PSItem
            $caught = Get-CaughtError { Remove-OldBackup -Path $TestDrive -KeepLast $keep }
            $caught.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        }

        It 'does not take a folder and a claim together' {
            $caught = Get-CaughtError { Remove-OldBackup -Path $TestDrive -BackupClaim backups -KeepLast 1 }
            $caught.FullyQualifiedErrorId | Should -BeLike 'AmbiguousParameterSet,*'
        }

        It 'refuses -BackupPath <Text>' -ForEach @(
            @{ Text = '../other' }, @{ Text = 'a/../b' }, @{ Text = '..' }, @{ Text = '.' }, @{ Text = '/etc' }, @{ Text = 'a//b' }, @{ Text = 'a/' }
            @{ Text = '$(x)' }, @{ Text = '`x`' }, @{ Text = 'a b' }, @{ Text = "it's" }, @{ Text = 'a"b' }, @{ Text = "a`nb" }, @{ Text = "a`n" }
            @{ Text = 'a;b' }, @{ Text = 'a\b' }, @{ Text = 'é' }
        ) {
            $caught = Get-CaughtError { Remove-OldBackup -KubeConfig "$TestDrive/none" -BackupPath $Text -KeepLast 1 }
            $caught.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
            "$caught" | Should -Match "is no folder on a claim"
        }

        It 'takes -BackupPath <_>' -ForEach '', 'a', 'mariadb/prod_1', 'a.b/c-d', '...' {
            $path = $PSItem
            $caught = Get-CaughtError { Remove-OldBackup -KubeConfig "$TestDrive/none" -BackupPath $path -KeepLast 1 }
            $caught.FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
        }

        It 'takes the folder of a run from the run itself' {
            $run = Get-SampleRun -Backup Failed
            { $run | Remove-OldBackup -BackupPath other -KeepLast 1 -ErrorAction Stop } | Should -Throw
        }
    }

    Context 'a mounted folder' {
        BeforeEach {
            $root = (New-Item -ItemType Directory -Path "TestDrive:/$([guid]::NewGuid())").FullName
            'base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00', 'base/2026-01-15_01-00-00' | Add-SampleBackup -Root $root -SizeBytes 3MB
        }

        It 'keeps the newest <Keep> and emits what it removed' -ForEach @(
            @{ Keep = 1; Removed = @('base/2026-01-01_01-00-00', 'base/2026-01-08_01-00-00') }
            @{ Keep = 2; Removed = @('base/2026-01-01_01-00-00') }
            @{ Keep = 3; Removed = @() }
            @{ Keep = 10; Removed = @() }
        ) {
            $gone = @(Remove-OldBackup -Path $root -KeepLast $Keep)
            $gone.Count | Should -Be $Removed.Count
            $gone.BackupId | Should -Be $Removed
            (Get-ChildItem -LiteralPath "$root/base").Count | Should -Be (3 - $Removed.Count)
            foreach ($backup in $gone) {
                $backup | Should -BeOfType GaleraBackup.Policy.RetentionDecision
                $backup.Reason | Should -Be 'no rule wants it'
                $backup.SizeBytes | Should -BeGreaterOrEqual 3MB
                $backup.Location | Should -Be $root
                "$root/$($backup.BackupId)" | Should -Not -Exist
            }
        }

        It 'removes nothing the second time' {
            Remove-OldBackup -Path $root -KeepLast 2 | Should -HaveCount 1
            Remove-OldBackup -Path $root -KeepLast 2 | Should -BeNullOrEmpty
        }

        It 'goes by the stamp of a backup, not by the time of its files' {
            (Get-Item -LiteralPath "$root/base/2026-01-01_01-00-00").LastWriteTime = [datetime]::Now.AddDays(1)
            (Remove-OldBackup -Path $root -KeepLast 2).BackupId | Should -Be 'base/2026-01-01_01-00-00'
        }

        It 'removes the increments of a base with it, and no others' {
            'incr/2026-01-01_01-00-00/2026-01-02_01-00-00', 'incr/2026-01-15_01-00-00/2026-01-16_01-00-00' | Add-SampleBackup -Root $root
            (Remove-OldBackup -Path $root -KeepLast 2).BackupId |
                Should -Be 'incr/2026-01-01_01-00-00/2026-01-02_01-00-00', 'base/2026-01-01_01-00-00'
            "$root/incr/2026-01-15_01-00-00/2026-01-16_01-00-00/backup.stream.gz" | Should -Exist
        }

        It 'neither counts nor touches what has no marker of success' {
            'base/2026-01-20_01-00-00', 'base/2025-12-01_01-00-00' | Add-SampleBackup -Root $root -Partial
            (Remove-OldBackup -Path $root -KeepLast 3) | Should -BeNullOrEmpty
            (Remove-OldBackup -Path $root -KeepLast 2).BackupId | Should -Be 'base/2026-01-01_01-00-00'
            "$root/base/2026-01-20_01-00-00/backup.stream.gz" | Should -Exist
            "$root/base/2025-12-01_01-00-00/backup.stream.gz" | Should -Exist
        }

        It 'touches no foreign file or folder' {
            $foreign = 'notes.txt', 'base/lost+found/file', 'base/2026-01-01/backup.successful', 'base/2026-99-99_01-00-00/backup.successful', 'other/2026-01-01_01-00-00/backup.successful'
            foreach ($file in $foreign) {
                $null = New-Item -ItemType File -Path "$root/$file" -Force
            }

            $null = Remove-OldBackup -Path $root -KeepLast 1
            foreach ($file in $foreign) {
                "$root/$file" | Should -Exist
            }
        }

        It 'neither counts nor follows a folder that is a symbolic link' {
            $elsewhere = (New-Item -ItemType Directory -Path "TestDrive:/$([guid]::NewGuid())").FullName
            'base/2025-01-01_01-00-00' | Add-SampleBackup -Root $elsewhere
            $null = New-Item -ItemType SymbolicLink -Path "$root/base/2025-01-01_01-00-00" -Target "$elsewhere/base/2025-01-01_01-00-00"
            $null = New-Item -ItemType SymbolicLink -Path "$root/base/2026-02-01_01-00-00" -Target "$elsewhere/base/2025-01-01_01-00-00"
            (Remove-OldBackup -Path $root -KeepLast 2).BackupId | Should -Be 'base/2026-01-01_01-00-00'
            "$root/base/2025-01-01_01-00-00" | Should -Exist
            "$elsewhere/base/2025-01-01_01-00-00/backup.stream.gz" | Should -Exist
        }

        It 'neither measures nor removes what a link inside a backup leads to' {
            $elsewhere = (New-Item -ItemType Directory -Path "TestDrive:/$([guid]::NewGuid())").FullName
            [System.IO.File]::WriteAllBytes("$elsewhere/large", [byte[]]::new(5MB))
            $null = New-Item -ItemType SymbolicLink -Path "$root/base/2026-01-01_01-00-00/folder" -Target $elsewhere
            $null = New-Item -ItemType SymbolicLink -Path "$root/base/2026-01-01_01-00-00/gone" -Target "$elsewhere/nothing"
            (Remove-OldBackup -Path $root -KeepLast 2).SizeBytes | Should -BeLessThan 4MB
            "$elsewhere/large" | Should -Exist
        }

        It 'leaves the rest of the root as it was' {
            $null = Remove-OldBackup -Path $root -KeepLast 1
            (Get-ChildItem -LiteralPath $root -Recurse -File -Force).FullName | Should -Be @(
                "$root/base/2026-01-15_01-00-00/backup.stream.gz", "$root/base/2026-01-15_01-00-00/manifest.json")
        }

        It 'counts the vendor''s backups, and lets them go, only where it is told to' {
            $old = 'base/2025-01-01_01-00-00', 'base/2025-02-01_01-00-00'
            $old | Add-SampleBackup -Root $root -Vendor
            Remove-OldBackup -Path $root -KeepLast 3 | Should -BeNullOrEmpty
            (Remove-OldBackup -Path $root -KeepLast 3 -AdoptLegacy).BackupId | Should -Be $old
        }

        It 'asks whose backups are meant where several clusters share the folder' {
            'base/2026-02-01_01-00-00' | Add-SampleBackup -Root $root -ClusterName other/db
            (Get-CaughtError { Remove-OldBackup -Path $root -KeepLast 1 }).FullyQualifiedErrorId | Should -BeLike 'ClusterNameAmbiguous,*'
            (Remove-OldBackup -Path $root -KeepLast 2 -ClusterName openstack/mariadb-server).BackupId | Should -Be 'base/2026-01-01_01-00-00'
        }

        It 'asks for a rule' {
            (Get-CaughtError { Remove-OldBackup -Path $root }).FullyQualifiedErrorId | Should -BeLike 'NoRetentionRule,*'
        }

        It 'keeps two chains whatever the rules say, unless told otherwise' {
            Remove-OldBackup -Path $root -KeepFor 1d -WhatIf:$false | Should -HaveCount 1
            Remove-OldBackup -Path $root -KeepFor 1d -MinimumRedundancy 1 | Should -HaveCount 1
        }

        It 'leaves alone what Set-GaleraBackup marked' {
            Get-GaleraBackup -Path $root -Id base/2026-01-01* | Set-GaleraBackup -Path $root -Keep $true
            (Remove-OldBackup -Path $root -KeepLast 1).BackupId | Should -Be 'base/2026-01-08_01-00-00'
            Set-GaleraBackup -Path $root base/2026-01-01_01-00-00 -Keep $false
            (Remove-OldBackup -Path $root -KeepLast 1).BackupId | Should -Be 'base/2026-01-01_01-00-00'
        }

        It 'takes a path relative to $PWD' {
            Push-Location -LiteralPath (Split-Path -Path $root)
            try {
                (Remove-OldBackup -Path "./$(Split-Path -Path $root -Leaf)" -KeepLast 2).Location | Should -Be $root
            }
            finally {
                Pop-Location
            }
        }

        It 'takes a path on a PowerShell drive' {
            (Remove-OldBackup -Path "TestDrive:/$(Split-Path -Path $root -Leaf)" -KeepLast 2).Location | Should -Be $root
        }

        It 'takes the characters of a wildcard as they are' {
            $odd = "$root[1]"
            Rename-Item -LiteralPath $root -NewName $odd
            (Remove-OldBackup -Path $odd -KeepLast 2).Location | Should -Be $odd
        }

        It 'removes one at a time: what is not wanted any more stays' {
            Remove-OldBackup -Path $root -KeepLast 1 | Select-Object -First 1 | Out-Null
            "$root/base/2026-01-01_01-00-00" | Should -Not -Exist
            "$root/base/2026-01-08_01-00-00" | Should -Exist
        }

        It 'with -WhatIf removes nothing, and names what would go with its size' {
            $lines = Invoke-FreshPwsh -ArgumentList (Get-ModulePath), $root -Script {
                param($Module, $Root)
                Import-Module -Name $Module
                Remove-OldBackup -Path $Root -KeepLast 1 -WhatIf
            }
            $plan = $lines -match 'What if'
            $plan | Should -HaveCount 2
            $plan[0] | Should -Match '2026-01-01_01-00-00.*3 MiB'
            $plan[1] | Should -Match '2026-01-08_01-00-00.*3 MiB'
            Get-ChildItem -LiteralPath "$root/base" | Should -HaveCount 3
        }
    }

    Context 'what is no backup root' {
        It 'is refused: <Name>' -ForEach @(
            @{ Name = 'a folder without base'; Make = { (New-Item -ItemType Directory -Path 'TestDrive:/empty' -Force).FullName } }
            @{ Name = 'a folder that is not there'; Make = { "$TestDrive/nowhere" } }
            @{ Name = 'a file'; Make = { (New-Item -ItemType File -Path 'TestDrive:/file' -Force).FullName } }
        ) {
            $path = & $Make
            $caught = Get-CaughtError { Remove-OldBackup -Path $path -KeepLast 1 }
            $caught.FullyQualifiedErrorId | Should -Be 'NotABackupRoot,GaleraBackup.Commands.RemoveOldBackupCommand'
            $caught.CategoryInfo.Category | Should -Be 'InvalidOperation'
            $caught.ErrorDetails.RecommendedAction | Should -Match 'base/'
            "$caught" | Should -Match ([regex]::Escape($path))
        }
    }

    Context 'a path that is on no file system' {
        It 'is refused, wherever the process happens to be' {
            $caught = Get-CaughtError { Remove-OldBackup -Path Env:/HOME -KeepLast 1 }
            $caught.FullyQualifiedErrorId | Should -BeLike 'NotAFileSystemPath,*'
            $caught.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        }
    }

    Context 'a run of the pipeline' {
        It 'prunes nothing after a backup that is <_>' -ForEach 'Failed', 'TimedOut', 'Skipped' {
            # Were anything to be pruned, the kubeconfig would be missed.
            $run = Get-SampleRun -Backup $PSItem -KubeConfig "$TestDrive/nowhere"
            $run | Remove-OldBackup -KeepLast 1 -ErrorAction Stop | Should -BeNullOrEmpty
        }

        It 'prunes nothing after a backup of an unsafe cluster' {
            $run = Get-SampleRun -Unsafe -KubeConfig "$TestDrive/nowhere"
            $run | Remove-OldBackup -KeepLast 1 -ErrorAction Stop | Should -BeNullOrEmpty
        }

        It 'says with -Verbose why it prunes nothing' {
            $said = Get-SampleRun -Backup Failed | Remove-OldBackup -KeepLast 1 -Verbose 4>&1
            "$said" | Should -Match 'nothing is removed'
        }

        It 'goes to the cluster that the run carries after a good one' {
            $run = Get-SampleRun -KubeConfig "$TestDrive/nowhere"
            (Get-CaughtError { $run | Remove-OldBackup -KeepLast 1 }).FullyQualifiedErrorId | Should -BeLike 'KubeConfigNotFound,*'
        }
    }
}
