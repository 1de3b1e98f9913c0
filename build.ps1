#!/usr/bin/env pwsh
<#
.SYNOPSIS
    Builds, tests and packs the module.
.EXAMPLE
    ./build.ps1 -Task Build
.EXAMPLE
    ./build.ps1 -Task Build, Test, Pack -Configuration Release
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Pack')]
    [string[]] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Debug'
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Set-Location -LiteralPath $PSScriptRoot

switch ($Task) {
    'Build' {
        dotnet build GaleraBackup.sln --configuration $Configuration
    }
    'Test' {
        dotnet test --configuration $Configuration
        ./tests/Invoke-PesterSuite.ps1
        if ($LASTEXITCODE -ne 0) {
            throw 'The Pester suite failed.'
        }
    }
    'Pack' {
        dotnet build src/GaleraBackup/GaleraBackup.csproj --configuration Release
        $version = (Import-PowerShellDataFile -Path module/GaleraBackup/GaleraBackup.psd1).ModuleVersion
        $archive = Join-Path -Path artifacts -ChildPath "GaleraBackup.$version.zip"
        $null = New-Item -ItemType Directory -Path artifacts -Force
        if (Test-Path -LiteralPath $archive) {
            Remove-Item -LiteralPath $archive
        }
        [System.IO.Compression.ZipFile]::CreateFromDirectory(
            (Join-Path -Path $PSScriptRoot -ChildPath module/GaleraBackup), (Join-Path -Path $PSScriptRoot -ChildPath $archive), 'Optimal', $true)
        Get-Item -LiteralPath $archive
    }
}
